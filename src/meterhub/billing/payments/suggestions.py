"""Whose a payment of the queue may be: accounts with a reason each, the likeliest first."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.payments.matching.payer import same_name, words
from meterhub.billing.receivables.identifiers import same_reference
from meterhub.kit.db import AnyRow

MOST = 8
_POINTS = {"amount": 2, "name": 3, "total": 2, "reference": 4}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An account that a payment may belong to, the item that fits if one does, and why."""

    customer_no: str
    customer_name: str
    entry_id: int | None
    number: str | None
    open_amount: Decimal
    why: tuple[str, ...]


def suggest(connection: Connection, payment: AnyRow) -> list[Suggestion]:
    """Return accounts with an item of this amount, this sum, a like name or a reference one digit away."""
    amount = payment.amount - payment.posted
    if amount <= 0:
        return []
    reference = same_reference(payment.reference)
    values = {
        "amount": amount,
        "words": [one for one in {*words(payment.payer), *payment.payer.casefold().split()} if len(one) > 1],
        "near": _near(reference),
    }
    best: dict[str, tuple[int, Suggestion]] = {}
    for row in connection.execute(_CANDIDATES, values):
        name = same_name(payment.payer, row.name)
        why, points = [], 0
        if row.near:
            why.append(f"reference {row.reference} is one digit away")
            points += _POINTS["reference"]
        if row.exact:
            why.append(f"{row.number or row.kind} is open with exactly this amount")
            points += _POINTS["amount"]
        if row.total == amount:
            why.append("all open items come to this amount")
            points += _POINTS["total"]
        if name:
            why.append("the payer has the customer's name")
            points += _POINTS["name"]
        if not why:
            continue
        entry_id = row.entry_id if row.exact or row.near else None
        one = Suggestion(
            row.customer_no, row.name, entry_id, row.number if entry_id else None, row.total, tuple(why)
        )
        if row.customer_no not in best or best[row.customer_no][0] < points:
            best[row.customer_no] = (points, one)
    ranked = sorted(best.values(), key=lambda found: (-found[0], found[1].customer_no))
    return [one for _, one in ranked[:MOST]]


def _near(reference: str) -> list[str]:
    """Return what a reference may have been before one digit was typed wrongly, or two were swapped."""
    if not reference.isdecimal():
        return []
    digits = [
        reference[:at] + digit + reference[at + 1 :] for at in range(len(reference)) for digit in "0123456789"
    ]
    swaps = [
        reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]
        for at in range(len(reference) - 1)
    ]
    return sorted({*digits, *swaps} - {reference})


_CANDIDATES = text(
    """
    WITH open AS (
        SELECT e.id AS entry_id, e.customer_id, e.kind, coalesce(i.number, o.number) AS number,
               coalesce(i.reference, o.reference) AS reference,
               e.amount - coalesce((SELECT sum(a.amount) FROM allocation a WHERE a.debit_entry_id = e.id), 0)
               AS open
        FROM ledger_entry e
        LEFT JOIN invoice i ON i.id = e.invoice_id LEFT JOIN opening_item o ON o.entry_id = e.id
        WHERE e.amount > 0
    ), totals AS (SELECT customer_id, sum(open) AS total FROM open WHERE open > 0 GROUP BY customer_id)
    SELECT c.customer_no, c.name, w.entry_id, w.number, w.kind, w.reference, t.total, w.open = :amount AS exact,
           w.reference = ANY(CAST(:near AS text[])) AS near
    FROM open w JOIN totals t USING (customer_id) JOIN customer c ON c.id = w.customer_id
    WHERE w.open > 0 AND (w.open = :amount OR t.total = :amount OR w.reference = ANY(CAST(:near AS text[]))
        OR EXISTS (SELECT 1 FROM regexp_split_to_table(lower(c.name), '[^[:alnum:]]+') AS word
                   WHERE word = ANY(CAST(:words AS text[]))))
    ORDER BY c.customer_no, w.entry_id LIMIT 500
    """
)
