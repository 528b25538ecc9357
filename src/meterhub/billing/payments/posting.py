"""Posts matched payments of a batch on accounts, in a handful of statements however many there are."""

from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.billing.ledger import posting as ledger
from meterhub.billing.ledger.allocations import cover_many, order_of, set_off, spread
from meterhub.billing.ledger.posting import NewEntry
from meterhub.billing.payments import repository
from meterhub.billing.payments.matching.book import Book, Match
from meterhub.billing.payments.model import IncomingPayment
from meterhub.billing.payments.refunding import mark_returned
from meterhub.errors import Conflict
from meterhub.kit.money import ZERO

PART_LEFT = "a part of it is not posted yet"


class Poster:
    """Gathers what a batch comes to, keeping the book's open items up to date, and writes it."""

    def __init__(self, book: Book, by: str) -> None:
        self._book = book
        self._by = by
        self._entries: list[NewEntry] = []
        self._covers: list[tuple[int, int, Decimal]] = []  # place in _entries, debit, amount
        self._queue: list[tuple[int, str, int | None]] = []
        self._reversals: list[tuple[int, date, int, str]] = []
        self._returns: list[tuple[int, date, int]] = []

    def leave(self, payment_id: int, why: str, duplicate_of: int | None = None) -> None:
        """Leave a payment to a clerk."""
        self._queue.append((payment_id, why, duplicate_of))

    def take(self, payment_id: int, payment: IncomingPayment, answer: Match) -> None:
        """Post a payment as a rule or a clerk says; a part that no share takes stays in the queue."""
        if answer.reverses_payment_id is not None:
            self._book.past = [one for one in self._book.past if one.payment_id != answer.reverses_payment_id]
            self._reversals.append((payment_id, payment.booked_on, answer.reverses_payment_id, answer.why))
            return
        if answer.returns_refund_id is not None:
            self._book.refunds = {
                key: one for key, one in self._book.refunds.items() if one != answer.returns_refund_id
            }
            self._returns.append((payment_id, payment.booked_on, answer.returns_refund_id))
            return
        for share in answer.shares:
            items = [one for one in self._book.open_of(share.customer_id) if one.currency == payment.currency]
            covers = spread(items, share.amount, order_of(payment.currency), share.entries)
            self._book.covered(share.customer_id, covers)
            self._covers += [(len(self._entries), debit, amount) for debit, amount in covers]
            self._entries.append(
                NewEntry(
                    share.customer_id,
                    payment.booked_on,
                    "payment",
                    -share.amount,
                    payment.currency,
                    self._by,
                    text=answer.why,
                    payment_id=payment_id,
                )
            )
        if sum((share.amount for share in answer.shares), ZERO) != payment.amount:
            self.leave(payment_id, PART_LEFT)

    def write(self, connection: Connection) -> list[int]:
        """Write everything; return the ids of the new entries of payments."""
        ids = ledger.post(connection, self._entries)
        cover_many(
            connection, [(ids[at], debit, amount) for at, debit, amount in self._covers], self._by, "payment"
        )
        repository.queue(connection, self._queue)
        for payment_id, booked_on, taken_back, why in self._reversals:
            reverse_payment(connection, taken_back, booked_on, self._by, why, reversed_by_payment=payment_id)
        for payment_id, booked_on, refund_id in self._returns:
            mark_returned(connection, refund_id, booked_on, self._by, payment_id=payment_id)
        return ids


def reverse_payment(
    connection: Connection,
    payment_id: int,
    booked_on: date,
    by: str,
    why: str,
    *,
    reversed_by_payment: int | None = None,
) -> list[int]:
    """Reverse every entry of a payment that still stands; raises Conflict if there is none."""
    standing = [
        row
        for row in repository.entries_of(connection, payment_id)
        if row.kind == "payment" and row.reversed_by is None
    ]
    if not standing:
        raise Conflict(f"nothing of payment {payment_id} is posted")
    for row in standing:
        ledger.reverse(connection, row.id, booked_on, by, why, payment_id=reversed_by_payment)
    customers = sorted({row.customer_id for row in standing})
    set_off(connection, customers, by)
    return customers
