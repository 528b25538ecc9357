"""Unpaid invoices: what is due to be reminded, charged or handed over, looked at before it is done."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.dunning import collection, disconnection, events, interest, reminders
from meterhub.billing.dunning.routes import letter
from meterhub.billing.dunning.schemas import interest_out, steps_out
from meterhub.billing.dunning.steps import Step
from meterhub.kit.paging import page_of
from meterhub.settings import Settings
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import PAGE_HEADERS, own_form, page

router = page_router()

ROWS = 50
Text = Annotated[str, Form(max_length=500)]


class Batch(StrEnum):
    """What can be done to many at once."""

    REMINDERS = "reminders"
    COLLECTION = "collection"
    INTEREST = "interest"


class Move(StrEnum):
    """Steps about the water of one contract."""

    WARNING = "warning"
    HARDSHIP = "hardship"
    ORDER = "order"
    CLOSED = "closed"
    RECONNECTION = "reconnection"
    WITHDRAWAL = "withdrawal"


@router.get("/dunning")
def show(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_INVOICES)],
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show what is due today, whose water is under warning, and what was done; logged."""
    today = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        due = reminders.propose(connection, settings, today)
        handed = reminders.propose(connection, settings, today, (Step.COLLECTION,))
        rows = events.events(connection, before_id=before, limit=ROWS + 1)
        values: dict[str, Any] = {
            "due": steps_out(due),
            "handed": steps_out(handed),
            "courses": disconnection.courses(connection, settings),
            "batches": events.batches(connection, before_id=None, limit=10),
            "today": today,
            "until": interest.next_until(today),
        }
        audit.record(connection, principal, action="list-dunning-events", purpose="billing")
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    return render(request, "dunning.html", values | {"events": shown, "cursor": cursor}, principal=principal)


@router.post("/dunning/batches/{kind}", dependencies=[Depends(own_form)])
def batch(
    request: Request,
    kind: Batch,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    as_of: Annotated[date, Form()],
    at_least: Annotated[Decimal, Form(ge=0, le=1_000_000)] = Decimal(0),
    expected: Annotated[int | None, Form(ge=0)] = None,
) -> Response:
    """Show what a batch would do; with the number that was seen, do it."""
    today = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        if expected is not None:
            _do(connection, settings, principal, kind, as_of, at_least, today, expected)
            return see_other("/dunning")
        preview = _look(connection, settings, kind, as_of, at_least)
        audit.record(connection, principal, action=f"preview-{kind}", purpose="billing")
    values = {"kind": kind, "preview": preview, "as_of": as_of, "at_least": at_least}
    return render(request, "dunning_batch.html", values, principal=principal)


@router.post("/dunning/water", dependencies=[Depends(own_form)])
def move(
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    contract_no: Annotated[str, Form(max_length=60)],
    step: Annotated[Move, Form()],
    on: Annotated[date, Form()],
    reason: Text = "",
    tariff: Annotated[str, Form(max_length=60)] = "",
    products: Text = "",
) -> Response:
    """Take a step about the water of a contract."""
    why = reason.strip() or step.value
    with engine.begin() as connection:
        if step is Move.WARNING:
            disconnection.warn(connection, settings, principal, contract_no, on)
        elif step is Move.HARDSHIP:
            disconnection.report_hardship(connection, settings, principal, contract_no, on, why)
        elif step is Move.ORDER:
            charged = [code for code in products.replace(",", " ").split() if code]
            disconnection.order(
                connection, settings, principal, contract_no, on, tariff=tariff, products_charged=charged
            )
        elif step is Move.CLOSED:
            disconnection.note_closed(connection, principal, contract_no, on, why)
        elif step is Move.RECONNECTION:
            disconnection.reconnect(connection, principal, contract_no, on, why)
        else:
            disconnection.withdraw(connection, principal, contract_no, on, why)
    return see_other("/dunning")


@router.post("/dunning/take-back", dependencies=[Depends(own_form)])
def take_back(
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    invoice: Annotated[str, Form(max_length=60)],
    on: Annotated[date, Form()],
    reason: Annotated[str, Form(min_length=1, max_length=500)],
) -> Response:
    """Take a claim back from the collector."""
    with engine.begin() as connection:
        collection.take_back(connection, principal, invoice, on, reason)
    return see_other("/dunning")


@router.get("/dunning/letters/{event_id}")
def show_letter(
    event_id: int, engine: EngineDep, principal: Annotated[Principal, page(Permission.READ_INVOICES)]
) -> Response:
    """Give the letter of a step as printed; logged."""
    with engine.begin() as connection:
        pdf = letter(connection, event_id)
        audit.record(
            connection, principal, action="read-dunning-letter", purpose="billing", subject=f"dunning:{event_id}"
        )
    headers = {
        "Content-Disposition": f'attachment; filename="letter-{event_id}.pdf"',
        "Cache-Control": PAGE_HEADERS["Cache-Control"],
        "X-Content-Type-Options": "nosniff",
    }
    return Response(pdf, media_type="application/pdf", headers=headers)


@router.get("/dunning/batches/{batch_id}/collection.csv")
def show_file(
    batch_id: int, engine: EngineDep, principal: Annotated[Principal, page(Permission.RUN_BILLING)]
) -> Response:
    """Give the file for the collector; logged."""
    with engine.begin() as connection:
        content = collection.collection_file(connection, batch_id)
        audit.record(
            connection,
            principal,
            action="read-collection-file",
            purpose="billing",
            subject=f"dunning-batch:{batch_id}",
        )
    headers = {
        "Content-Disposition": f'attachment; filename="collection-{batch_id}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _look(connection: Connection, settings: Settings, kind: Batch, as_of: date, at_least: Decimal) -> Any:
    if kind is Batch.INTEREST:
        return interest_out(interest.propose(connection, settings, as_of, minimum=at_least))
    wanted = reminders.REMINDERS if kind is Batch.REMINDERS else (Step.COLLECTION,)
    return steps_out(reminders.propose(connection, settings, as_of, wanted, at_least=at_least))


def _do(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    kind: Batch,
    as_of: date,
    at_least: Decimal,
    today: date,
    expected: int,
) -> None:
    if kind is Batch.REMINDERS:
        reminders.remind(connection, settings, principal, as_of, at_least=at_least, expected=expected)
    elif kind is Batch.COLLECTION:
        collection.hand_over(connection, settings, principal, as_of, at_least=at_least, expected=expected)
    else:
        issued_on = max(today, as_of + timedelta(days=1))
        interest.charge(connection, settings, principal, as_of, issued_on, minimum=at_least, expected=expected)
