"""One read: its frame byte by byte, how it was opened, what was checked, and what rests on it."""

from typing import Annotated

from fastapi import Request, Response

from meterhub import explain
from meterhub.access.dependencies import EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.explain.read import record_look
from meterhub.explain.routes import ReadId
from meterhub.web.page_route import page_router
from meterhub.web.pictures import KINDS
from meterhub.web.render import render
from meterhub.web.security import page

router = page_router()


@router.get("/reads/{read_id}")
def show(
    request: Request,
    read_id: ReadId,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, page(Permission.READ_CONSUMPTION)],
) -> Response:
    """Show a read from the air to the bill; each look is logged."""
    with engine.begin() as connection:
        found = explain.read(connection, settings, read_id, with_invoices=principal.may(Permission.READ_INVOICES))
        record_look(connection, principal, found)
    return render(request, "read.html", {"found": found, "qualities": KINDS}, principal=principal)
