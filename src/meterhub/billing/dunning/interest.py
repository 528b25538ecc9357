"""Late interest, billed separately: every day of a receivable once, by the dated rates, paid late or never."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.delivery.service import enqueue
from meterhub.billing.dunning import rates
from meterhub.billing.dunning.events import add_batch
from meterhub.billing.issuing import Draft, Issued, Kind, issue
from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.ledger.stops import stopped_entries
from meterhub.billing.products import customer_json
from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Country, Document
from meterhub.billing.receivables.due_dates import due_date
from meterhub.billing.receivables.interest import (
    Payment,
    Receivable,
    ReceivableInterest,
    half_year_of,
    interest_document,
    interest_on,
)
from meterhub.errors import BadInput, Conflict
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.kit.periods import ONE_DAY, DateRange
from meterhub.kit.values import Json
from meterhub.settings import Settings

SCHEMA = 1
TERM_DAYS = 14
# Below this nobody gets a bill; the days stay uncharged and come with the next.
MINIMUM = Decimal(1)
PAYER = "customer"


@dataclass(frozen=True, slots=True)
class Bill:
    """The interest of one customer, rated but not issued."""

    customer_id: int
    customer_no: str
    customer_name: str
    snapshot: Json
    document: Document
    charged: tuple[tuple[int, DateRange, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Proposed:
    """What interest may be billed up to a day; `held_back` is (number, why), `too_small` counts customers."""

    until: date
    bills: tuple[Bill, ...]
    held_back: tuple[tuple[str, str], ...]
    too_small: int

    @property
    def amount(self) -> Decimal:
        """The sum of all bills."""
        return sum((bill.document.gross for bill in self.bills), ZERO)


def propose(
    connection: Connection,
    settings: Settings,
    until: date,
    *,
    minimum: Decimal = MINIMUM,
    customer_ids: Sequence[int] | None = None,
) -> Proposed:
    """Return the interest up to and including a day that was not billed before; nothing is written.

    Raises BadInput naming the half-year that has no rate: a rate is never guessed.
    """
    values = {"until": until, "customers": None if customer_ids is None else list(customer_ids)}
    rows = connection.execute(_LATE, values).all()
    payments = _payments(connection, [row.entry_id for row in rows])
    stopped = stopped_entries(connection, [row.entry_id for row in rows], until) if rows else {}
    held_back, by_customer = [], defaultdict(list)
    for row in rows:
        why = stopped.get(row.entry_id)
        if why is not None and why != "payment_plan":
            held_back.append((row.number, why))
        else:
            by_customer[row.customer_id].append(row)
    bills, too_small = [], 0
    for late in by_customer.values():
        bill = _bill(connection, settings, until, late, payments)
        if bill is not None and bill.document.gross >= minimum:
            bills.append(bill)
        else:
            too_small += bill is not None
    return Proposed(until, tuple(bills), tuple(held_back), too_small)


def charge(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    until: date,
    issued_on: date,
    *,
    minimum: Decimal = MINIMUM,
    expected: int | None = None,
) -> tuple[list[Issued], Proposed]:
    """Issue the interest bills and mark their days as charged; again nothing is left to bill.

    `expected` is how many the clerk saw in the preview: Conflict where that has changed since.
    """
    if until >= issued_on:
        message = f"interest runs up to {until}: it can be billed from {until + ONE_DAY} on"
        raise BadInput(message, fields={"until": message})
    seen = propose(connection, settings, until, minimum=minimum)
    customers = sorted(bill.customer_id for bill in seen.bills)
    lock_accounts(connection, customers)
    proposed = propose(connection, settings, until, minimum=minimum, customer_ids=customers)
    proposed = replace(proposed, held_back=seen.held_back, too_small=seen.too_small)
    if expected is not None and len(proposed.bills) != expected:
        raise Conflict(f"{len(proposed.bills)} bills are due now, the preview showed {expected}: look at it again")
    if not proposed.bills:
        return [], proposed
    country = Country(settings.country)
    drafts = [
        Draft(
            kind=Kind.INTEREST,
            customer_id=bill.customer_id,
            document=bill.document,
            snapshot=bill.snapshot,
            issued_on=issued_on,
            due_on=due_date(country, issued_on, TERM_DAYS, consumer=True).due,
            currency=settings.currency,
            country=settings.country,
        )
        for bill in proposed.bills
    ]
    issued = issue(connection, drafts)
    enqueue(connection, [one.invoice_id for one in issued], principal.name)
    batch = add_batch(connection, "interest", until, len(issued), proposed.amount, principal.name)
    connection.execute(
        _CHARGE,
        [
            {
                "entry": entry_id,
                "start": days.start,
                "end": days.end,
                "amount": amount,
                "invoice": one.invoice_id,
                "batch": batch,
            }
            for one, bill in zip(issued, proposed.bills, strict=True)
            for entry_id, days, amount in bill.charged
        ],
    )
    record(
        connection,
        principal,
        action="charge-interest",
        purpose="billing",
        subject=f"dunning-batch:{batch}",
        detail={"invoices": len(issued)},
    )
    return issued, proposed


def document_of(snapshot: Json) -> Document:
    """Compute the document of an interest bill from its snapshot again; raises RatingError."""
    made = interest_document(PAYER, _interest(snapshot))
    assert made is not None
    return made


def _bill(
    connection: Connection,
    settings: Settings,
    until: date,
    late: Sequence[AnyRow],
    payments: dict[int, list[Payment]],
) -> Bill | None:
    first = late[0]
    basis = rates.basis_of(settings.country, first.customer_kind)
    known = rates.interest_rates(connection, settings.country, basis)
    snapshot: Json = {
        "schema": SCHEMA,
        "country": settings.country,
        "currency": settings.currency,
        "zone": settings.zone,
        "seller": settings.utility.model_dump(),
        "customer": customer_json(connection, first.customer_id),
        "basis": basis,
        "receivables": [_receivable(row, until, payments.get(row.entry_id, ())) for row in late],
    }
    used = {half_year: str(rate) for half_year, rate in known.items() if half_year >= _earliest(late)}
    snapshot["rates"] = {half_year: rate for half_year, rate in used.items() if half_year <= half_year_of(until)}
    try:
        computed = _interest(snapshot)
    except RatingError as error:
        raise BadInput(error.detail, fields={"until": error.detail}) from error
    document = interest_document(PAYER, computed)
    if document is None:
        return None
    charged = tuple(
        (row.entry_id, one.counted, one.interest)
        for row, one in zip(late, computed, strict=True)
        if one.counted is not None and one.interest
    )
    return Bill(first.customer_id, first.customer_no, first.customer_name, snapshot, document, charged)


def _earliest(late: Sequence[AnyRow]) -> str:
    return half_year_of(min(row.charged_to for row in late))


def _receivable(row: AnyRow, until: date, payments: Iterable[Payment]) -> Json:
    """Freeze a receivable: interest runs from `charged_to` on, which is the day after the due date at first."""
    return {
        "entry_id": row.entry_id,
        "invoice": row.number,
        "principal": str(row.amount),
        "due_on": (row.charged_to - ONE_DAY).isoformat(),
        "until": until.isoformat(),
        "payments": [{"on": one.on.isoformat(), "amount": str(one.amount)} for one in payments],
    }


def _interest(snapshot: Json) -> list[ReceivableInterest]:
    known = {half_year: Decimal(rate) for half_year, rate in snapshot["rates"].items()}
    return [
        interest_on(
            Receivable(
                invoice=one["invoice"],
                principal=Decimal(one["principal"]),
                due_on=date.fromisoformat(one["due_on"]),
                until=date.fromisoformat(one["until"]),
                payments=tuple(
                    Payment(date.fromisoformat(payment["on"]), Decimal(payment["amount"]))
                    for payment in one["payments"]
                ),
            ),
            known,
        )
        for one in snapshot["receivables"]
    ]


def _payments(connection: Connection, entry_ids: Sequence[int]) -> dict[int, list[Payment]]:
    """Return what covered receivables on which day; what was taken back covers nothing.

    It is the payer's day where the bank tells it: who paid in time is not late because of the bank.
    """
    found: dict[int, list[Payment]] = defaultdict(list)
    for row in connection.execute(_COVERED, {"ids": list(entry_ids)}):
        found[row.debit_entry_id].append(Payment(row.paid_on, row.amount))
    return found


def next_until(today: date) -> date:
    """Return the last day of the half-year before: what is usually billed to, once or twice a year."""
    first = date(today.year, 7, 1) if today >= date(today.year, 7, 1) else date(today.year, 1, 1)
    return first - timedelta(days=1)


# Receivables that were open on a day after they were due and not charged for it; no interest on interest.
_LATE = text(
    """
    SELECT e.id AS entry_id, coalesce(i.number, o.number) AS number, e.amount, e.customer_id, u.customer_no,
           u.name AS customer_name, u.kind AS customer_kind,
           greatest(e.due_on + 1, coalesce(c.charged_to, e.due_on + 1)) AS charged_to
    FROM ledger_entry e
    JOIN customer u ON u.id = e.customer_id
    LEFT JOIN invoice i ON i.id = e.invoice_id
    LEFT JOIN opening_item o ON o.entry_id = e.id
    LEFT JOIN LATERAL (SELECT max(upper(days)) AS charged_to FROM interest_charge WHERE entry_id = e.id) c ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(a.amount), 0) AS covered
        FROM allocation a JOIN ledger_entry p ON p.id = a.credit_entry_id
        LEFT JOIN payment y ON y.id = p.payment_id
        WHERE a.debit_entry_id = e.id
            AND coalesce(y.paid_on, p.booked_on)
                < greatest(e.due_on + 1, coalesce(c.charged_to, e.due_on + 1))) a ON true
    WHERE e.amount > 0 AND e.due_on < :until
        AND (e.kind = 'invoice' AND i.kind <> 'interest' OR e.kind = 'opening' AND o.number IS NOT NULL)
        AND greatest(e.due_on + 1, coalesce(c.charged_to, e.due_on + 1)) <= :until
        AND e.amount > a.covered
        AND (CAST(:customers AS int[]) IS NULL OR e.customer_id = ANY(CAST(:customers AS int[])))
    ORDER BY e.customer_id, e.due_on, e.id
    """
)
_COVERED = text(
    """
    SELECT a.debit_entry_id, coalesce(y.paid_on, p.booked_on) AS paid_on, sum(a.amount) AS amount
    FROM allocation a JOIN ledger_entry p ON p.id = a.credit_entry_id
    LEFT JOIN payment y ON y.id = p.payment_id
    WHERE a.debit_entry_id = ANY(CAST(:ids AS bigint[]))
    GROUP BY 1, 2 HAVING sum(a.amount) <> 0
    ORDER BY 1, 2
    """
)
_CHARGE = text(
    "INSERT INTO interest_charge (entry_id, days, amount, invoice_id, batch_id) "
    "VALUES (:entry, daterange(:start, :end), :amount, :invoice, :batch)"
)
