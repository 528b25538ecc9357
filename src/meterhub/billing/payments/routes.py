"""REST for bank files, payments and the queue."""

from typing import Annotated

from fastapi import APIRouter, Query, UploadFile

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import clerk, importing, repository, routes_accounts, routes_out
from meterhub.billing.payments.clerk import Wanted, rolled_back
from meterhub.billing.payments.routes_out import today
from meterhub.billing.payments.schemas import (
    FileOut,
    ImportOut,
    MatchIn,
    OutcomeOut,
    PaymentDetail,
    PaymentIn,
    PaymentOut,
    PostedOut,
    ReasonIn,
    SuggestionOut,
)
from meterhub.billing.payments.suggestions import suggest
from meterhub.errors import BadInput, NotFound
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter()
router.include_router(routes_out.router)
router.include_router(routes_accounts.router)

Reader = Annotated[Principal, require(Permission.READ_LEDGER)]
Writer = Annotated[Principal, require(Permission.WRITE_PAYMENTS)]


@router.post("/payments/files", status_code=201)
def import_payment_file(
    file: UploadFile, engine: EngineDep, settings: SettingsDep, principal: Writer
) -> ImportOut:
    """Import a bank file (camt.053, camt.054, KTL, OCR giro) whole or not at all; again it changes nothing."""
    with engine.begin() as connection:
        report = importing.import_file(
            connection, settings, principal, file.file.read(), file.filename or "upload"
        )
    return ImportOut.model_validate(report)


@router.post("/payments/files/preview")
def preview_payment_file(
    file: UploadFile, engine: EngineDep, settings: SettingsDep, principal: Writer
) -> ImportOut:
    """Tell what an import would do, on the same path; nothing of it is kept."""
    with engine.begin() as connection, rolled_back(connection):
        report = importing.import_file(
            connection, settings, principal, file.file.read(), file.filename or "upload"
        )
    return ImportOut.model_validate(report)


@router.get("/payments/files")
def list_payment_files(engine: EngineDep, page: Annotated[IdPage, Query()], principal: Reader) -> Page[FileOut]:
    """List imported files, newest first, with control totals and where their money is."""
    with engine.connect() as connection:
        rows = repository.files(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[FileOut.model_validate(row) for row in shown], next_cursor=cursor)


@router.get("/payments/files/{file_id}/payments")
def list_payments_of_file(
    file_id: int, engine: EngineDep, page: Annotated[IdPage, Query()], principal: Reader
) -> Page[PaymentOut]:
    """List the payments of a file in order; each look is logged."""
    with engine.begin() as connection:
        if repository.file_by_id(connection, file_id) is None:
            raise NotFound(f"there is no payment file {file_id}")
        rows = repository.payments_of_file(connection, file_id, after_id=page.after, limit=page.limit + 1)
        record(connection, principal, action="list-payments", purpose="billing", subject=f"payment-file:{file_id}")
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[PaymentOut.model_validate(row) for row in shown], next_cursor=cursor)


@router.get("/payments/unmatched")
def list_unmatched_payments(
    engine: EngineDep, page: Annotated[IdPage, Query()], principal: Reader, *, aside: bool = False
) -> Page[PaymentOut]:
    """List payments that wait for a clerk, oldest first; with `aside`, those set aside instead; logged."""
    with engine.begin() as connection:
        rows = repository.unmatched(connection, after_id=page.after, limit=page.limit + 1, aside=aside)
        record(connection, principal, action="list-payments", purpose="billing", subject="queue")
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[PaymentOut.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/payments", status_code=201)
def enter_payment(body: PaymentIn, engine: EngineDep, settings: SettingsDep, principal: Writer) -> PaymentDetail:
    """Enter a payment by hand; the rules match it like one of a file."""
    values = body.model_dump() | {"paid_on": body.paid_on or body.booked_on}
    with engine.begin() as connection:
        payment_id = clerk.enter(connection, settings, principal, **values)
    return read_payment(payment_id, engine, principal)


@router.get("/payments/{payment_id}")
def read_payment(payment_id: int, engine: EngineDep, principal: Reader) -> PaymentDetail:
    """Return a payment, where it was posted, and while it waits whose it may be; each look is logged."""
    with engine.begin() as connection:
        row = clerk.find(connection, payment_id)
        entries = repository.entries_of(connection, payment_id)
        waits = row.queued and row.set_aside_at is None
        found = suggest(connection, row) if waits and principal.may(Permission.READ_CUSTOMERS) else []
        record(connection, principal, action="read-payment", purpose="billing", subject=f"payment:{payment_id}")
    return PaymentDetail(
        **PaymentOut.model_validate(row).model_dump(),
        entries=[PostedOut.model_validate(one) for one in entries],
        suggestions=[SuggestionOut.model_validate(one) for one in found],
    )


@router.post("/payments/{payment_id}/match")
def match_payment(
    payment_id: int,
    body: MatchIn,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    *,
    preview: bool = False,
) -> list[OutcomeOut]:
    """Post a payment of the queue on one account or several; with `preview` tell what that does, keep nothing."""
    if (body.reverses is None) is not bool(body.shares):
        raise BadInput(
            "give shares, or for a reversal the payment that it takes back", fields={"shares": "or reverses"}
        )
    wanted = [Wanted(one.customer_no, one.amount, tuple(one.entries)) for one in body.shares]
    with engine.connect() as connection, connection.begin() as transaction:
        if body.reverses is not None:
            clerk.match_reversal(connection, principal, payment_id, body.reverses)
            outcomes = []
        else:
            outcomes = clerk.match_by_hand(connection, settings, principal, payment_id, wanted)
        if preview:
            transaction.rollback()
    return [OutcomeOut.model_validate(one) for one in outcomes]


@router.post("/payments/{payment_id}/undo", status_code=204)
def undo_payment(
    payment_id: int, body: ReasonIn, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> None:
    """Take back where a payment was posted, by reversing entries, and put it into the queue."""
    with engine.begin() as connection:
        clerk.undo(connection, principal, payment_id, body.reason, today(clock(), settings))


@router.post("/payments/{payment_id}/set-aside", status_code=204)
def set_payment_aside(payment_id: int, body: ReasonIn, engine: EngineDep, principal: Writer) -> None:
    """Decide that a payment of the queue is not posted: a duplicate, or not ours."""
    with engine.begin() as connection:
        clerk.set_aside(connection, principal, payment_id, body.reason)


@router.post("/payments/{payment_id}/take-up", status_code=204)
def take_payment_up(payment_id: int, engine: EngineDep, principal: Writer) -> None:
    """Put a payment that was set aside back into the queue."""
    with engine.begin() as connection:
        clerk.take_up(connection, principal, payment_id)
