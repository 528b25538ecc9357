"""REST for products and other bills."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.other_bills import service
from meterhub.billing.other_bills.schemas import (
    IssuedOut,
    IssueRequest,
    OtherBillDetail,
    OtherBillIn,
    OtherBillOut,
    ProductOut,
)
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(prefix="/billing", tags=["billing"])

Reader = Annotated[Principal, require(Permission.READ_INVOICES)]
Clerk = Annotated[Principal, require(Permission.RUN_BILLING)]


@router.get("/products")
def list_products(
    tariff: str, on: date, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_TARIFFS)]
) -> list[ProductOut]:
    """List what a price list sells on a day."""
    with engine.connect() as connection:
        return service.list_products(connection, tariff, on)


@router.post("/other-bills", status_code=201)
def write_other_bill(
    body: OtherBillIn, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> OtherBillDetail:
    """Write a draft; it comes back with what it comes to."""
    with engine.begin() as connection:
        bill_id = service.write(connection, settings, principal, body)
        return service.find(connection, settings, bill_id)


@router.get("/other-bills")
def list_other_bills(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Reader,
    state: Literal["draft", "issued", "discarded"] | None = None,
) -> Page[OtherBillOut]:
    """List other bills, newest first."""
    with engine.begin() as connection:
        rows = service.recent(connection, state=state, before_id=page.after, limit=page.limit + 1)
        record(connection, principal, action="list-other-bills", purpose="billing")
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[service.bill_out(row) for row in shown], next_cursor=cursor)


@router.get("/other-bills/{bill_id}")
def read_other_bill(bill_id: int, engine: EngineDep, settings: SettingsDep, principal: Reader) -> OtherBillDetail:
    """Return a bill: its items, and what they come to."""
    with engine.begin() as connection:
        record(connection, principal, action="read-other-bill", purpose="billing", subject=f"other-bill:{bill_id}")
        return service.find(connection, settings, bill_id)


@router.put("/other-bills/{bill_id}")
def rewrite_other_bill(
    bill_id: int, body: OtherBillIn, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> OtherBillDetail:
    """Write a draft anew; 409 once it is issued."""
    with engine.begin() as connection:
        service.write(connection, settings, principal, body, bill_id)
        return service.find(connection, settings, bill_id)


@router.post("/other-bills/{bill_id}/issue")
def issue_other_bill(
    bill_id: int, body: IssueRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> IssuedOut:
    """Issue a draft as an invoice; 409 if that was done before."""
    with engine.begin() as connection:
        due_on = service.due_day(service.snapshot_of(connection, settings, bill_id), body)
        issued = service.issue_bill(connection, settings, principal, bill_id, body)
    return IssuedOut(id=bill_id, invoice=issued.number, gross=issued.gross, due_on=due_on)


@router.post("/other-bills/{bill_id}/discard", status_code=204)
def discard_other_bill(bill_id: int, engine: EngineDep, principal: Clerk) -> None:
    """Put a draft away."""
    with engine.begin() as connection:
        service.discard(connection, principal, bill_id)
