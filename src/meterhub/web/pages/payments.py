"""Payments: bank files with control totals, the queue with suggestions, matching with preview and undo."""

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response, UploadFile

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import clerk, importing, repository
from meterhub.billing.payments.clerk import Wanted, rolled_back
from meterhub.billing.payments.suggestions import suggest
from meterhub.errors import BadInput, MeterhubError
from meterhub.kit.paging import page_of
from meterhub.web.forms import amount_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 25
FILES = 10

Reader = Annotated[Principal, page(Permission.READ_LEDGER)]
Writer = Annotated[Principal, page(Permission.WRITE_PAYMENTS)]
Reason = Annotated[str, Form(min_length=1, max_length=500)]


@router.get("/payments")
def show_list(
    request: Request,
    engine: EngineDep,
    principal: Reader,
    after: Annotated[int | None, Query(ge=0)] = None,
    *,
    aside: bool = False,
) -> Response:
    """List what waits for a clerk, with suggestions, and the newest bank files; logged."""
    with engine.begin() as connection:
        rows = repository.unmatched(connection, after_id=after, limit=ROWS + 1, aside=aside)
        shown, cursor = page_of(rows, ROWS, lambda row: row.id)
        sees = principal.may(Permission.READ_CUSTOMERS) and not aside
        values = {
            "payments": [(row, suggest(connection, row) if sees else []) for row in shown],
            "cursor": cursor,
            "aside": aside,
            "files": repository.files(connection, before_id=None, limit=FILES),
        }
        audit.record(connection, principal, action="list-payments", purpose="billing", subject="queue")
    return render(request, "payments.html", values, principal=principal)


@router.post("/payments/files", dependencies=[Depends(own_form)])
def import_file(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    file: UploadFile,
    action: Annotated[str, Form()] = "preview",
) -> Response:
    """Import a bank file, or tell what an import would do and keep nothing."""
    data, name = file.file.read(), file.filename or "upload"
    if not data:
        raise BadInput("no file was chosen, or it is empty")
    preview = action != "import"
    with engine.begin() as connection:
        if preview:
            with rolled_back(connection):
                report = importing.import_file(connection, settings, principal, data, name)
        else:
            report = importing.import_file(connection, settings, principal, data, name)
    values = {"report": report, "name": name, "preview": preview, "currency": settings.currency}
    return render(request, "payment_file.html", values, principal=principal)


@router.get("/payments/{payment_id}")
def show(
    request: Request,
    payment_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Reader,
    customer: Annotated[str, Query(max_length=40)] = "",
    entry: Annotated[int | None, Query(ge=1)] = None,
    amount: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Show a payment; with a customer also what a match with its account would do. Each look is logged."""
    outcomes, problem = [], ""
    with engine.begin() as connection:
        row = clerk.find(connection, payment_id)
        if customer and principal.may(Permission.WRITE_PAYMENTS):
            try:
                with rolled_back(connection):
                    wanted = [_wanted(customer, entry, amount)]
                    outcomes = clerk.match_by_hand(connection, settings, principal, payment_id, wanted)
            except MeterhubError as error:
                problem = error.detail
        waits = row.queued and row.set_aside_at is None and principal.may(Permission.READ_CUSTOMERS)
        values = {
            "payment": row,
            "entries": repository.entries_of(connection, payment_id),
            "suggestions": suggest(connection, row) if waits else [],
            "outcomes": outcomes,
            "problem": problem,
            "customer": customer.strip(),
            "entry": entry,
            "amount": amount,
        }
        audit.record(
            connection, principal, action="read-payment", purpose="billing", subject=f"payment:{payment_id}"
        )
    return render(request, "payment.html", values, principal=principal)


@router.post("/payments/{payment_id}/match", dependencies=[Depends(own_form)])
def match(
    payment_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    customer: Annotated[str, Form(min_length=1, max_length=40)],
    entry: Annotated[str, Form(max_length=18)] = "",
    amount: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Post a payment, or a part of it, on an account."""
    wanted = _wanted(customer, int(entry) if entry.isascii() and entry.isdecimal() else None, amount)
    with engine.begin() as connection:
        clerk.match_by_hand(connection, settings, principal, payment_id, [wanted])
    return see_other(f"/payments/{payment_id}")


@router.post("/payments/{payment_id}/undo", dependencies=[Depends(own_form)])
def undo(
    payment_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer, reason: Reason
) -> Response:
    """Take back where a payment was posted."""
    with engine.begin() as connection:
        clerk.undo(connection, principal, payment_id, reason.strip(), clock().astimezone(settings.tz).date())
    return see_other(f"/payments/{payment_id}")


@router.post("/payments/{payment_id}/set-aside", dependencies=[Depends(own_form)])
def set_aside(payment_id: int, engine: EngineDep, principal: Writer, reason: Reason) -> Response:
    """Decide that a payment is not posted."""
    with engine.begin() as connection:
        clerk.set_aside(connection, principal, payment_id, reason.strip())
    return see_other("/payments")


@router.post("/payments/{payment_id}/take-up", dependencies=[Depends(own_form)])
def take_up(payment_id: int, engine: EngineDep, principal: Writer) -> Response:
    """Put a payment back into the queue."""
    with engine.begin() as connection:
        clerk.take_up(connection, principal, payment_id)
    return see_other(f"/payments/{payment_id}")


def _wanted(customer: str, entry: int | None, amount: str) -> Wanted:
    return Wanted(customer.strip(), amount_of(amount), () if entry is None else (entry,))
