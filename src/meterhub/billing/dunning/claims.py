"""Open receivables as dunning sees them: what is open, what happened, and why some must wait."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.dunning.steps import Happened
from meterhub.billing.ledger.stops import stopped_entries


@dataclass(frozen=True, slots=True)
class Claim:
    """A receivable that is past its due date; `stopped` is why it must not be reminded of."""

    entry_id: int
    invoice_id: int | None
    number: str
    reference: str
    issued_on: date
    due_on: date
    amount: Decimal
    open_amount: Decimal
    currency: str
    customer_id: int
    customer_no: str
    customer_name: str
    customer_kind: str
    contract_id: int | None
    property_code: str | None
    events: tuple[Happened, ...]
    stopped: str | None


def overdue(
    connection: Connection,
    as_of: date,
    *,
    at_least: Decimal = Decimal(0),
    contract_id: int | None = None,
    customer_ids: Sequence[int] | None = None,
) -> list[Claim]:
    """Return receivables that were due before a day and are open by at least so much, oldest first."""
    rows = connection.execute(
        _OVERDUE,
        {
            "as_of": as_of,
            "least": max(at_least, Decimal("0.01")),
            "contract": contract_id,
            "customers": None if customer_ids is None else list(customer_ids),
        },
    ).all()
    ids = [row.entry_id for row in rows]
    events = events_of_entries(connection, ids)
    stopped = stopped_entries(connection, ids, as_of) if ids else {}
    return [
        Claim(**row._mapping, events=tuple(events.get(row.entry_id, ())), stopped=stopped.get(row.entry_id))
        for row in rows
    ]


def events_of_entries(connection: Connection, entry_ids: Sequence[int]) -> dict[int, list[Happened]]:
    """Return what happened to receivables, in order."""
    query = text("SELECT entry_id, step, happened_on FROM dunning_event WHERE entry_id = ANY(:ids) ORDER BY id")
    found: dict[int, list[Happened]] = defaultdict(list)
    for row in connection.execute(query, {"ids": list(entry_ids)}):
        found[row.entry_id].append(Happened(row.step, row.happened_on))
    return found


# Interest invoices are reminded of like others; only interest on interest is not charged.
_OVERDUE = text(
    """
    SELECT e.id AS entry_id, e.invoice_id, coalesce(i.number, o.number) AS number,
           coalesce(i.reference, o.reference) AS reference, coalesce(i.issued_on, e.booked_on) AS issued_on,
           e.due_on, e.amount, e.amount - coalesce(a.covered, 0) AS open_amount, e.currency,
           u.id AS customer_id, u.customer_no, u.name AS customer_name, u.kind AS customer_kind,
           i.contract_id, p.property_code
    FROM ledger_entry e
    JOIN customer u ON u.id = e.customer_id
    LEFT JOIN invoice i ON i.id = e.invoice_id
    LEFT JOIN opening_item o ON o.entry_id = e.id
    LEFT JOIN contract c ON c.id = i.contract_id
    LEFT JOIN metering_point m ON m.id = c.metering_point_id
    LEFT JOIN property p ON p.id = m.property_id
    LEFT JOIN LATERAL (SELECT sum(amount) AS covered FROM allocation WHERE debit_entry_id = e.id) a ON true
    WHERE e.amount > 0 AND e.due_on < :as_of
        AND (e.kind = 'invoice' OR e.kind = 'opening' AND o.number IS NOT NULL)
        AND e.amount - coalesce(a.covered, 0) >= :least
        AND (CAST(:contract AS int) IS NULL OR i.contract_id = :contract)
        AND (CAST(:customers AS int[]) IS NULL OR e.customer_id = ANY(CAST(:customers AS int[])))
    ORDER BY e.due_on, e.id
    """
)
