"""What is owed: balances as sums, open items and open credits as entries less what covers them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.receivables.allocation import Part
from meterhub.kit.db import AnyRow


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A debit that is not wholly covered; `invoice_id` and `number` of its document, if it has one."""

    entry_id: int
    invoice_id: int | None
    number: str | None
    due_on: date
    amount: Decimal
    open_amount: Decimal
    kind: str
    part: Part
    customer_id: int
    currency: str
    reference: str | None
    contract_id: int | None


@dataclass(frozen=True, slots=True)
class OpenCredit:
    """A credit that has not been used up; amounts are positive; a credit note returns the entry of an invoice."""

    entry_id: int
    invoice_id: int | None
    number: str | None
    booked_on: date
    amount: Decimal
    open_amount: Decimal
    kind: str
    customer_id: int
    currency: str
    returns_entry_id: int | None


def balance(connection: Connection, customer_id: int) -> Decimal:
    """Return what a customer owes; negative if it is owed."""
    query = text("SELECT coalesce(sum(amount), 0.00) FROM ledger_entry WHERE customer_id = :id")
    result: Decimal = connection.execute(query, {"id": customer_id}).scalar_one()
    return result


def balances(connection: Connection, customer_ids: Sequence[int]) -> dict[int, Decimal]:
    """Return what each of these customers owes."""
    query = text(
        "SELECT customer_id, sum(amount) AS balance FROM ledger_entry "
        "WHERE customer_id = ANY(:ids) GROUP BY customer_id"
    )
    rows = connection.execute(query, {"ids": list(customer_ids)})
    found: dict[int, Decimal] = {row.customer_id: row.balance for row in rows}
    return {one: found.get(one, Decimal("0.00")) for one in customer_ids}


def open_items(connection: Connection, customer_id: int) -> list[OpenItem]:
    """Return what is open of a customer, the oldest due first."""
    return open_items_of(connection, [customer_id])


def open_items_of(connection: Connection, customer_ids: Sequence[int]) -> list[OpenItem]:
    """Return what is open of customers, the oldest due first."""
    return [_open_item(row) for row in connection.execute(_OPEN_ITEMS, {"ids": list(customer_ids)})]


def open_credits(connection: Connection, customer_ids: Sequence[int]) -> list[OpenCredit]:
    """Return what customers have in credit, the oldest first."""
    return [OpenCredit(**row._mapping) for row in connection.execute(_OPEN_CREDITS, {"ids": list(customer_ids)})]


def history(connection: Connection, customer_id: int) -> Sequence[AnyRow]:
    """Return all entries of a customer in the order they count, each with the balance after it."""
    return connection.execute(_HISTORY, {"id": customer_id}).all()


def allocations_of(connection: Connection, entry_ids: Sequence[int]) -> Sequence[AnyRow]:
    """Return the allocation rows that touch entries, as they were written."""
    return connection.execute(_ALLOCATIONS, {"ids": list(entry_ids)}).all()


def _open_item(row: AnyRow) -> OpenItem:
    return OpenItem(**{**row._mapping, "part": Part(row.part)})


# `due_on` of a debit without one (a reversal, a refund returned) is the day it was booked: it is due at once.
_OPEN_ITEMS = text(
    """
    SELECT e.id AS entry_id, e.invoice_id, coalesce(i.number, o.number) AS number,
           coalesce(e.due_on, e.booked_on) AS due_on, e.amount,
           e.amount - coalesce(a.covered, 0) AS open_amount, e.kind,
           CASE WHEN e.kind IN ('reminder_fee', 'collection_fee') THEN 'fee'
                ELSE 'principal' END AS part,
           e.customer_id, e.currency, coalesce(i.reference, o.reference) AS reference, i.contract_id
    FROM ledger_entry e
    LEFT JOIN invoice i ON i.id = e.invoice_id LEFT JOIN opening_item o ON o.entry_id = e.id
    LEFT JOIN LATERAL (SELECT sum(amount) AS covered FROM allocation WHERE debit_entry_id = e.id) a ON true
    WHERE e.customer_id = ANY(:ids) AND e.amount > 0 AND e.amount > coalesce(a.covered, 0)
    ORDER BY 4, e.id
    """
)

_OPEN_CREDITS = text(
    """
    SELECT e.id AS entry_id, e.invoice_id, i.number, e.booked_on, -e.amount AS amount,
           -e.amount - coalesce(a.used, 0) AS open_amount, e.kind, e.customer_id, e.currency,
           (SELECT o.id FROM ledger_entry o WHERE o.invoice_id = i.credits_id AND o.kind = 'invoice')
               AS returns_entry_id
    FROM ledger_entry e
    LEFT JOIN invoice i ON i.id = e.invoice_id
    LEFT JOIN LATERAL (SELECT sum(amount) AS used FROM allocation WHERE credit_entry_id = e.id) a ON true
    WHERE e.customer_id = ANY(:ids) AND e.amount < 0 AND -e.amount > coalesce(a.used, 0)
    ORDER BY e.booked_on, e.id
    """
)

_HISTORY = text(
    """
    SELECT e.id, e.booked_on, e.due_on, e.kind, e.amount, e.currency, e.invoice_id,
           coalesce(i.number, o.number) AS number, e.payment_id,
           e.reverses_id, e.text, e.created_at, e.created_by,
           sum(e.amount) OVER (ORDER BY e.booked_on, e.id) AS balance_after,
           abs(e.amount) - coalesce((SELECT sum(a.amount) FROM allocation a
                                     WHERE e.id IN (a.credit_entry_id, a.debit_entry_id)), 0) AS open_amount
    FROM ledger_entry e
    LEFT JOIN invoice i ON i.id = e.invoice_id LEFT JOIN opening_item o ON o.entry_id = e.id
    WHERE e.customer_id = :id ORDER BY e.booked_on, e.id
    """
)

_ALLOCATIONS = text(
    """
    SELECT a.id, a.credit_entry_id, a.debit_entry_id, a.amount, a.reverses_id, a.reason, a.created_at,
           a.created_by, c.kind AS credit_kind, d.kind AS debit_kind,
           coalesce(ci.number, co.number) AS credit_number, coalesce(di.number, o.number) AS debit_number
    FROM allocation a
    JOIN ledger_entry c ON c.id = a.credit_entry_id JOIN ledger_entry d ON d.id = a.debit_entry_id
    LEFT JOIN invoice ci ON ci.id = c.invoice_id LEFT JOIN opening_item co ON co.entry_id = c.id
    LEFT JOIN invoice di ON di.id = d.invoice_id LEFT JOIN opening_item o ON o.entry_id = d.id
    WHERE a.credit_entry_id = ANY(:ids) OR a.debit_entry_id = ANY(:ids) ORDER BY a.id
    """
)
