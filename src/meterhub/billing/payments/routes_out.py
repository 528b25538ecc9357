"""REST for refunds, write-offs, opening balances and the export to bookkeeping."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response, UploadFile

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import accounting, opening, refunding, writing_off
from meterhub.billing.payments.schemas import (
    Created,
    ExportIn,
    ExportOut,
    OpeningOut,
    ReasonIn,
    RefundFileIn,
    RefundFileOut,
    RefundIn,
    RefundOut,
    WriteOffIn,
    WriteOffOut,
)
from meterhub.kit.paging import IdPage, Page, page_of
from meterhub.settings import Settings

router = APIRouter()

Reader = Annotated[Principal, require(Permission.READ_LEDGER)]
Writer = Annotated[Principal, require(Permission.WRITE_PAYMENTS)]
Approver = Annotated[Principal, require(Permission.APPROVE_REFUNDS)]

RefundState = Literal["proposed", "approved", "exported", "returned", "rejected"]
WriteOffState = Literal["proposed", "posted", "rejected"]


def today(now: datetime, settings: Settings) -> date:
    """Return the utility's day."""
    return now.astimezone(settings.tz).date()


@router.post("/refunds", status_code=201)
def propose_refund(body: RefundIn, engine: EngineDep, settings: SettingsDep, principal: Writer) -> RefundOut:
    """Propose to pay credit back to an account that the customer gave; two other people approve it."""
    with engine.begin() as connection:
        refund_id = refunding.propose(
            connection,
            settings,
            principal,
            body.customer_no,
            body.iban,
            body.reason,
            amount=body.amount,
            final=body.final,
        )
        row = refunding.refund_by_id(connection, refund_id)
    return RefundOut.model_validate(row)


@router.get("/refunds")
def list_refunds(
    engine: EngineDep, page: Annotated[IdPage, Query()], principal: Reader, state: RefundState | None = None
) -> Page[RefundOut]:
    """List refunds, newest first; each look is logged, as they show bank accounts."""
    with engine.begin() as connection:
        rows = refunding.refunds(connection, state=state, after_id=page.after, limit=page.limit + 1)
        record(connection, principal, action="list-refunds", purpose="billing")
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[RefundOut.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/refunds/{refund_id}/approve")
def approve_refund(
    refund_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver
) -> RefundOut:
    """Approve a refund; 403 for who proposed it, 409 for who approved it already; the second approval posts it."""
    with engine.begin() as connection:
        refunding.approve(connection, principal, refund_id, today(clock(), settings))
        row = refunding.refund_by_id(connection, refund_id)
    return RefundOut.model_validate(row)


@router.post("/refunds/{refund_id}/reject")
def reject_refund(
    refund_id: int,
    body: ReasonIn,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Approver,
) -> RefundOut:
    """Refuse a refund that was not sent to the bank yet; its credit is free again."""
    with engine.begin() as connection:
        refunding.reject(connection, principal, refund_id, body.reason, today(clock(), settings))
        row = refunding.refund_by_id(connection, refund_id)
    return RefundOut.model_validate(row)


@router.post("/refunds/{refund_id}/returned")
def refund_returned(
    refund_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> RefundOut:
    """Post that the bank sent a refund back, where no statement says so."""
    with engine.begin() as connection:
        refunding.mark_returned(connection, refund_id, today(clock(), settings), principal.name)
        record(connection, principal, action="refund-returned", purpose="billing", subject=f"refund:{refund_id}")
        row = refunding.refund_by_id(connection, refund_id)
    return RefundOut.model_validate(row)


@router.post("/refund-files", status_code=201)
def write_refund_file(
    body: RefundFileIn, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver
) -> RefundFileOut:
    """Write all approved refunds into one pain.001 file, each once; 409 if none waits."""
    with engine.begin() as connection:
        file_id, _ = refunding.export(connection, settings, principal, body.execute_on, clock())
        message_id, _ = refunding.file_content(connection, principal, file_id)
    return RefundFileOut(id=file_id, message_id=message_id)


@router.get(
    "/refund-files/{file_id}/content",
    response_class=Response,
    responses={200: {"content": {"application/xml": {}}, "description": "The file as it was written."}},
)
def read_refund_file(file_id: int, engine: EngineDep, principal: Approver) -> Response:
    """Return a file for the bank as it was written; each look is logged."""
    with engine.begin() as connection:
        message_id, content = refunding.file_content(connection, principal, file_id)
    headers = {"Content-Disposition": f'attachment; filename="{message_id}.xml"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/xml", headers=headers)


@router.post("/write-offs", status_code=201)
def propose_write_off(
    body: WriteOffIn, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> WriteOffOut:
    """Give up an open item; over the limit of a customer and year it waits for a second person."""
    with engine.begin() as connection:
        row = writing_off.propose(
            connection, settings, principal, body.entry_id, body.reason, today(clock(), settings), body.amount
        )
    return WriteOffOut.model_validate(row)


@router.get("/write-offs", dependencies=[require(Permission.READ_LEDGER)])
def list_write_offs(
    engine: EngineDep, page: Annotated[IdPage, Query()], state: WriteOffState | None = None
) -> Page[WriteOffOut]:
    """List write-offs, newest first."""
    with engine.connect() as connection:
        rows = writing_off.write_offs(connection, state=state, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[WriteOffOut.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/write-offs/{write_off_id}/approve")
def approve_write_off(
    write_off_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver
) -> WriteOffOut:
    """Post a write-off that another person proposed; 403 for who did."""
    with engine.begin() as connection:
        row = writing_off.approve(connection, principal, write_off_id, today(clock(), settings))
    return WriteOffOut.model_validate(row)


@router.post("/write-offs/{write_off_id}/reject")
def reject_write_off(write_off_id: int, engine: EngineDep, principal: Approver) -> WriteOffOut:
    """Refuse a write-off that waits."""
    with engine.begin() as connection:
        row = writing_off.reject(connection, principal, write_off_id)
    return WriteOffOut.model_validate(row)


@router.post("/write-offs/{write_off_id}/undo", status_code=204)
def undo_write_off(
    write_off_id: int, body: ReasonIn, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> None:
    """Open again what was written off."""
    with engine.begin() as connection:
        writing_off.undo(connection, principal, write_off_id, body.reason, today(clock(), settings))


@router.post("/opening-balances", status_code=201)
def import_opening_balances(
    file: UploadFile,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Writer,
    *,
    preview: bool = False,
) -> OpeningOut:
    """Import open items of the system before from a CSV file, once; with `preview` keep nothing."""
    with engine.connect() as connection, connection.begin() as transaction:
        day = today(clock(), settings)
        result = opening.import_opening(connection, settings, principal, file.file.read(), day)
        if preview:
            transaction.rollback()
    return OpeningOut.model_validate(result)


@router.post("/accounting/exports", status_code=201)
def export_accounting(body: ExportIn, engine: EngineDep, settings: SettingsDep, principal: Writer) -> Created:
    """Export what is booked up to a day and was not exported before; 409 if there is nothing."""
    with engine.begin() as connection:
        result = accounting.export(connection, settings, principal, body.until)
    return Created(id=result.export_id)


@router.get("/accounting/exports", dependencies=[require(Permission.READ_LEDGER)])
def list_accounting_exports(engine: EngineDep, page: Annotated[IdPage, Query()]) -> Page[ExportOut]:
    """List exports with their control totals, newest first."""
    with engine.connect() as connection:
        rows = accounting.exports(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[ExportOut.model_validate(row) for row in shown], next_cursor=cursor)


@router.get(
    "/accounting/exports/{export_id}/content",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "The export as it was written."}},
)
def read_accounting_export(export_id: int, engine: EngineDep, principal: Reader) -> Response:
    """Return an export as it was written."""
    with engine.begin() as connection:
        result = accounting.again(connection, principal, export_id)
    headers = {"Content-Disposition": f'attachment; filename="accounting-{export_id}.csv"'}
    return Response(result.content.encode(), media_type="text/csv", headers=headers)
