"""REST: all about one read."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from meterhub.access.dependencies import EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.explain.read import read, record_look

router = APIRouter(prefix="/api/v1", tags=["readings"])

ReadId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/reads/{read_id}/explanation")
def explain_read(
    read_id: ReadId,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, require(Permission.READ_CONSUMPTION)],
) -> dict[str, Any]:
    """Show a read's frame byte by byte, how it was opened, what was checked, and what rests on it.

    The key that opened it is named by its number; invoices are shown to those who may see them. Logged.
    """
    with engine.begin() as connection:
        found = read(connection, settings, read_id, with_invoices=principal.may(Permission.READ_INVOICES))
        record_look(connection, principal, found)
    return found.as_json()
