"""Writes ledger entries, always in the caller's transaction; a mistake is corrected by a reversing entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.ledger.allocations import cover, set_off, take_back
from meterhub.errors import Conflict, NotFound
from meterhub.kit.arrays import integers

BILLING = "billing"

# What the reversal of a kind is called; others are a plain `reversal`.
_REVERSAL_OF = {"payment": "payment_reversal", "refund": "refund_returned"}


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to post: what the customer owes is positive."""

    customer_id: int
    booked_on: date
    kind: str
    amount: Decimal
    currency: str
    created_by: str
    text: str = ""
    due_on: date | None = None
    invoice_id: int | None = None
    payment_id: int | None = None
    reverses_id: int | None = None


def post_invoices(connection: Connection, invoice_ids: Sequence[int]) -> None:
    """Post issued documents that are not in the ledger yet; credit that customers have is set off at once."""
    customers = connection.execute(_POST_INVOICES, {"ids": integers(invoice_ids), "by": BILLING}).scalars().all()
    with_credit = connection.execute(_WITH_CREDIT, {"ids": integers(customers)}).scalars().all()
    set_off(connection, with_credit, BILLING)


def post(connection: Connection, entries: Sequence[NewEntry]) -> list[int]:
    """Write entries and return their ids in the same order."""
    columns = {name: [getattr(entry, name) for entry in entries] for name in NewEntry.__slots__}
    return list(connection.execute(_POST, columns).scalars()) if entries else []


def reverse(
    connection: Connection, entry_id: int, booked_on: date, by: str, reason: str, *, payment_id: int | None = None
) -> int:
    """Post the opposite of an entry after taking back what it covered; return the reversing entry.

    `payment_id` is the payment that reverses, where the bank did it. Raises NotFound, and Conflict for an entry
    that was reversed before.
    """
    connection.execute(_LOCK, {"id": entry_id})
    entry = connection.execute(_ENTRY, {"id": entry_id}).one_or_none()
    if entry is None:
        raise NotFound(f"there is no ledger entry {entry_id}")
    if entry.reversed_by is not None:
        raise Conflict(f"ledger entry {entry_id} was reversed by entry {entry.reversed_by} already")
    if entry.kind in ("invoice", "credit_note"):
        raise Conflict(f"ledger entry {entry_id} is an issued document: it is corrected by a credit note")
    take_back(connection, [entry_id], by)
    [reversal] = post(
        connection,
        [
            NewEntry(
                entry.customer_id,
                booked_on,
                _REVERSAL_OF.get(entry.kind, "reversal"),
                -entry.amount,
                entry.currency,
                by,
                text=reason,
                invoice_id=entry.invoice_id,
                payment_id=payment_id or entry.payment_id,
                reverses_id=entry_id,
            )
        ],
    )
    credit, debit = (reversal, entry_id) if entry.amount > 0 else (entry_id, reversal)
    cover(connection, credit, [(debit, abs(entry.amount))], by, "reversal")
    return reversal


_POST_INVOICES = text(
    """
    INSERT INTO ledger_entry (customer_id, booked_on, due_on, kind, amount, currency, invoice_id, created_by)
    SELECT i.customer_id, i.issued_on, CASE WHEN i.gross > 0 THEN i.due_on END, i.type, i.gross, i.currency, i.id,
           :by
    FROM invoice i WHERE i.id = ANY(CAST(:ids AS int[])) AND i.gross <> 0
    ORDER BY i.id
    ON CONFLICT (invoice_id) WHERE kind IN ('invoice', 'credit_note') DO NOTHING
    RETURNING customer_id
    """
)

_WITH_CREDIT = text(
    """
    SELECT DISTINCT e.customer_id FROM ledger_entry e
    WHERE e.customer_id = ANY(CAST(:ids AS int[])) AND e.amount < 0
        AND -e.amount > coalesce((SELECT sum(a.amount) FROM allocation a WHERE a.credit_entry_id = e.id), 0)
    ORDER BY e.customer_id
    """
)

_POST = text(
    """
    INSERT INTO ledger_entry (customer_id, booked_on, due_on, kind, amount, currency, invoice_id, payment_id,
                              reverses_id, text, created_by)
    SELECT customer_id, booked_on, due_on, kind, amount, currency, invoice_id, payment_id, reverses_id, text, by
    FROM unnest(CAST(:customer_id AS int[]), CAST(:booked_on AS date[]), CAST(:due_on AS date[]),
                CAST(:kind AS text[]), CAST(:amount AS numeric[]), CAST(:currency AS text[]),
                CAST(:invoice_id AS int[]), CAST(:payment_id AS bigint[]), CAST(:reverses_id AS bigint[]),
                CAST(:text AS text[]), CAST(:created_by AS text[])) WITH ORDINALITY
         AS new (customer_id, booked_on, due_on, kind, amount, currency, invoice_id, payment_id, reverses_id,
                 text, by, at)
    ORDER BY new.at
    RETURNING id
    """
)

# In a statement of its own, so that the next one sees what somebody else did while this one waited.
_LOCK = text("SELECT 1 FROM ledger_entry WHERE id = :id FOR NO KEY UPDATE")
_ENTRY = text(
    """
    SELECT e.customer_id, e.kind, e.amount, e.currency, e.invoice_id, e.payment_id, r.id AS reversed_by
    FROM ledger_entry e LEFT JOIN ledger_entry r ON r.reverses_id = e.id
    WHERE e.id = :id
    """
)
