"""Quarantine: telegrams that wait for something, why, and what to do."""

from typing import Annotated

from fastapi import Query, Request, Response

from meterhub.access.dependencies import EngineDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.ingest import views
from meterhub.kit.paging import page_of
from meterhub.web.page_route import page_router
from meterhub.web.render import render
from meterhub.web.security import page

router = page_router()

ROWS = 25


@router.get("/quarantine")
def show(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_QUARANTINE)],
    reason: Annotated[str, Query(max_length=40)] = "",
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show reasons with their counts, and the newest frames."""
    with engine.connect() as connection:
        counts = views.quarantine_counts(connection)
        frames = views.quarantined(connection, reason=reason or None, before_id=before, limit=ROWS + 1)
    shown, cursor = page_of(frames, ROWS, lambda frame: frame.id)
    values = {"counts": counts, "frames": shown, "cursor": cursor, "reason": reason}
    return render(request, "quarantine.html", values, principal=principal)
