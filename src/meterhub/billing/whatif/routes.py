"""REST for what-ifs."""

from typing import Annotated

from fastapi import APIRouter, Query

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.whatif import service
from meterhub.billing.whatif.schemas import WhatIfCreated, WhatIfOut, WhatIfRequest
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(prefix="/billing/what-ifs", tags=["billing"])


@router.post("", status_code=202)
def start_what_if(
    body: WhatIfRequest,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.WRITE_TARIFFS)],
) -> WhatIfCreated:
    """Try a price list on a past year's use of everyone; the worker does it, nothing is billed."""
    with engine.begin() as connection:
        number = service.start(connection, principal, body, clock().astimezone(settings.tz).date())
    return WhatIfCreated(id=number, state="queued")


@router.get("")
def list_what_ifs(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_INVOICES)],
) -> Page[WhatIfOut]:
    """List what-ifs, newest first."""
    with engine.connect() as connection:
        rows = service.recent(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[WhatIfOut.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)


@router.get("/{what_if_id}")
def read_what_if(
    what_if_id: int, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_INVOICES)]
) -> WhatIfOut:
    """Return a what-if: progress, then sums by component and customer group, and who pays more; logged."""
    with engine.begin() as connection:
        found = service.find(connection, what_if_id)
        record(connection, principal, action="read-what-if", purpose="billing", subject=f"what-if:{what_if_id}")
    return found
