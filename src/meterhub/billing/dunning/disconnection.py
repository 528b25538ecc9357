"""Closing the water for unpaid bills: warning, waiting time, order, done, opened again when all is paid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing import products
from meterhub.billing.delivery.service import enqueue, enqueue_letter
from meterhub.billing.documents.letters import letter_as_json
from meterhub.billing.documents.model import LetterKind
from meterhub.billing.dunning.claims import Claim, overdue
from meterhub.billing.dunning.events import NewEvent, course_of_contract, note
from meterhub.billing.dunning.letters import write
from meterhub.billing.dunning.steps import Happened, Step, acts_on, current, round_of, rules_of
from meterhub.billing.issuing import Draft, Issued, Kind, issue
from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.ledger.balances import open_items
from meterhub.billing.products import Ordered
from meterhub.billing.rating.model import Country
from meterhub.billing.receivables.due_dates import bank_day_from, due_date
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.kit.values import Json
from meterhub.settings import Settings

TERM_DAYS = 14


@dataclass(frozen=True, slots=True)
class Course:
    """How far closing the water of a contract is: the steps of the running course, and when closing is lawful."""

    contract_no: str
    steps: dict[str, date]
    closes_from: date | None
    arrears: Decimal


def warn(connection: Connection, settings: Settings, principal: Principal, contract_no: str, on: date) -> date:
    """Warn in writing that the water will be closed; return the first day on which it may be.

    Raises NotFound, and Conflict where nothing was reminded of, something stops it, or no lawful course is known.
    """
    contract = _locked(connection, contract_no)
    happened = course_of_contract(connection, contract.id)
    if current(happened):
        raise Conflict(f"the water of contract {contract_no} is under {_last(happened)} already")
    claims = _reminded(connection, contract, on)
    closes_from = acts_on(on, rules_of(settings.country), hardship=False)
    if closes_from is None:
        raise Conflict(f"no lawful waiting time for closing water is known for {settings.country}")
    pay_by = bank_day_from(Country(settings.country), on + timedelta(days=TERM_DAYS))
    letter = write(
        settings,
        LetterKind.DISCONNECTION_WARNING,
        f"{contract_no}/{round_of(happened) + 1}",
        products.customer_json(connection, contract.customer_id),
        claims,
        issued_on=on,
        due_on=pay_by,
        acts_on=closes_from,
        premises=f"{contract.street}, {contract.city}",
    )
    event = _event(contract, Step.WARNING, on, _sum(claims), "unpaid in spite of a reminder", principal, happened)
    note(connection, [_with(event, closes_from, {"letter": letter_as_json(letter)})])
    enqueue_letter(connection, contract.customer_id, letter, principal.name)
    _log(connection, principal, "warn-of-disconnection", contract_no)
    return closes_from


def report_hardship(
    connection: Connection, settings: Settings, principal: Principal, contract_no: str, on: date, reason: str
) -> date:
    """Note that the customer cannot pay for a reason that the law protects; return the later day of closing."""
    contract = _locked(connection, contract_no)
    happened = course_of_contract(connection, contract.id)
    steps = current(happened)
    _require(steps, contract_no, Step.WARNING, without=Step.ORDER)
    if Step.HARDSHIP in steps:
        raise Conflict(f"hardship is noted for contract {contract_no} already")
    closes_from = acts_on(steps[Step.WARNING], rules_of(settings.country), hardship=True)
    event = _event(contract, Step.HARDSHIP, on, arrears(connection, contract), reason, principal, happened)
    note(connection, [_with(event, closes_from, {})])
    _log(connection, principal, "report-hardship", contract_no)
    assert closes_from is not None
    return closes_from


def order(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    contract_no: str,
    on: date,
    *,
    tariff: str,
    products_charged: Sequence[str],
) -> Issued | None:
    """Order the water closed after the waiting time, and bill the fees for closing and opening it.

    Raises Conflict before that day, or where the arrears are paid or stopped.
    """
    contract = _locked(connection, contract_no)
    happened = course_of_contract(connection, contract.id)
    steps = current(happened)
    _require(steps, contract_no, Step.WARNING, without=Step.ORDER)
    closes_from = acts_on(steps[Step.WARNING], rules_of(settings.country), hardship=Step.HARDSHIP in steps)
    if closes_from is None or on < closes_from:
        raise Conflict(f"the water of contract {contract_no} may be closed from {closes_from} on, not on {on}")
    claims = _reminded(connection, contract, on)
    issued = _bill_fees(connection, settings, contract, on, tariff, products_charged)
    detail: Json = {"fees": issued.number} if issued else {}
    event = _event(contract, Step.ORDER, on, _sum(claims), "not paid after the warning", principal, happened)
    note(connection, [_with(event, on, detail)])
    _log(connection, principal, "order-disconnection", contract_no)
    return issued


def note_closed(connection: Connection, principal: Principal, contract_no: str, on: date, reason: str) -> None:
    """Note that the water was closed on an order."""
    contract = _locked(connection, contract_no)
    happened = course_of_contract(connection, contract.id)
    _require(current(happened), contract_no, Step.ORDER, without=Step.DISCONNECTED)
    open_amount = arrears(connection, contract)
    note(connection, [_event(contract, Step.DISCONNECTED, on, open_amount, reason, principal, happened)])
    _log(connection, principal, "note-disconnection", contract_no)


def reconnect(connection: Connection, principal: Principal, contract_no: str, on: date, reason: str) -> None:
    """Note that the water was opened; Conflict while arrears or fees are open."""
    contract = _locked(connection, contract_no)
    happened = course_of_contract(connection, contract.id)
    _require(current(happened), contract_no, Step.DISCONNECTED)
    owed = arrears(connection, contract)
    if owed > 0:
        raise Conflict(f"{owed} is open: all arrears and the fees for closing and opening are paid first")
    note(connection, [_event(contract, Step.RECONNECTED, on, ZERO, reason, principal, happened)])
    _log(connection, principal, "reconnect", contract_no)


def withdraw(connection: Connection, principal: Principal, contract_no: str, on: date, reason: str) -> None:
    """Take a warning or an order back before the water was closed, for a reason that is kept."""
    contract = _locked(connection, contract_no)
    happened = course_of_contract(connection, contract.id)
    _require(current(happened), contract_no, Step.WARNING, without=Step.DISCONNECTED)
    owed = arrears(connection, contract)
    note(connection, [_event(contract, Step.WITHDRAWN, on, owed, reason, principal, happened)])
    _log(connection, principal, "withdraw-disconnection", contract_no)


def courses(connection: Connection, settings: Settings) -> list[Course]:
    """Return every contract whose water is warned of, ordered closed or closed."""
    found = []
    rows = connection.execute(_RUNNING).all()
    for row in rows:
        steps = current(course_of_contract(connection, row.id))
        if Step.WARNING not in steps:
            continue
        closes_from = acts_on(steps[Step.WARNING], rules_of(settings.country), hardship=Step.HARDSHIP in steps)
        found.append(Course(row.contract_no, steps, closes_from, arrears(connection, row)))
    return found


def arrears(connection: Connection, contract: AnyRow) -> Decimal:
    """Return what the contract's customer has open, whatever for: fees and bills without contract count too."""
    return sum((item.open_amount for item in open_items(connection, contract.customer_id)), ZERO)


def _bill_fees(
    connection: Connection, settings: Settings, contract: AnyRow, on: date, tariff: str, charged: Sequence[str]
) -> Issued | None:
    if not charged:
        return None
    snapshot = products.snapshot_of(
        connection,
        settings,
        contract.customer_id,
        products.find_tariff(connection, tariff),
        on,
        [Ordered(code, Decimal(1)) for code in charged],
        {"order": {"purpose": "disconnection", "contract_no": contract.contract_no}},
    )
    due_on = due_date(Country(snapshot["country"]), on, TERM_DAYS, consumer=True).due
    draft = Draft(
        kind=Kind.OTHER,
        customer_id=contract.customer_id,
        document=products.document_of(snapshot),
        snapshot=snapshot,
        issued_on=on,
        due_on=due_on,
        currency=snapshot["currency"],
        country=snapshot["country"],
    )
    (issued,) = issue(connection, [draft])
    enqueue(connection, [issued.invoice_id])
    return issued


def _reminded(connection: Connection, contract: AnyRow, on: date) -> list[Claim]:
    """Return open claims of the contract that were reminded of and that nothing stops; Conflict without any."""
    claims = overdue(connection, on, contract_id=contract.id, customer_ids=[contract.customer_id])
    ready = [
        claim
        for claim in claims
        if claim.stopped is None and any(event.step == Step.REMINDER_1 for event in claim.events)
    ]
    if not ready:
        stopped = ", ".join(sorted({claim.stopped for claim in claims if claim.stopped}))
        why = f"it is stopped by {stopped}" if stopped else "nothing unpaid was reminded of"
        raise Conflict(f"the water of contract {contract.contract_no} cannot be closed: {why}")
    return ready


def _locked(connection: Connection, contract_no: str) -> AnyRow:
    row = connection.execute(_CONTRACT, {"no": contract_no}).one_or_none()
    if row is None:
        raise NotFound(f"there is no contract {contract_no!r}")
    lock_accounts(connection, [row.customer_id])
    return row


def _require(steps: dict[str, date], contract_no: str, needed: Step, *, without: Step | None = None) -> None:
    if needed not in steps:
        raise Conflict(f"contract {contract_no}: there is no {needed.replace('_', ' ')} to follow")
    if without is not None and without in steps:
        raise Conflict(f"contract {contract_no}: {without.replace('_', ' ')} on {steps[without]} came before")


def _last(happened: Sequence[Happened]) -> str:
    return happened[-1].step.replace("_", " ")


def _sum(claims: Sequence[Claim]) -> Decimal:
    return sum((claim.open_amount for claim in claims), ZERO)


def _event(
    contract: AnyRow,
    step: Step,
    on: date,
    open_amount: Decimal,
    reason: str,
    principal: Principal,
    happened: Sequence[Happened],
) -> NewEvent:
    if happened and on < happened[-1].on:
        message = f"{on} lies before {_last(happened)} on {happened[-1].on}"
        raise BadInput(message, fields={"on": message})
    return NewEvent(
        customer_id=contract.customer_id,
        step=step,
        happened_on=on,
        open_amount=open_amount,
        reason=reason,
        created_by=principal.name,
        contract_id=contract.id,
        round=round_of(happened),
    )


def _with(event: NewEvent, acts: date | None, detail: Json) -> NewEvent:
    return replace(event, acts_on=acts, detail=detail)


def _log(connection: Connection, principal: Principal, action: str, contract_no: str) -> None:
    record(connection, principal, action=action, purpose="billing", subject=f"contract:{contract_no}")


_CONTRACT = text(
    "SELECT c.id, c.contract_no, c.customer_id, p.street, p.city FROM contract c "
    "JOIN metering_point m ON m.id = c.metering_point_id JOIN property p ON p.id = m.property_id "
    "WHERE c.contract_no = :no"
)
_RUNNING = text(
    "SELECT DISTINCT c.id, c.contract_no, c.customer_id FROM dunning_event d "
    "JOIN contract c ON c.id = d.contract_id ORDER BY c.contract_no"
)
