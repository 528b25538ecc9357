"""Loads what the matching rules may know for a batch of payments, in a handful of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.ledger.balances import open_items_of
from meterhub.billing.payments.matching.book import Book, Debt, PastPayment
from meterhub.billing.payments.matching.message_reference import numbers_in, references_in
from meterhub.billing.payments.matching.payer import words
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.payments.refunding import refund_id_of
from meterhub.billing.receivables.identifiers import same_reference
from meterhub.kit.db import AnyRow


def load_book(connection: Connection, payments: Sequence[IncomingPayment]) -> Book:
    """Return the lookups for payments; the accounts they can be for are locked until the transaction ends."""
    references = {same_reference(one) for payment in payments for one in _references(payment)} - {""}
    numbers = {one for payment in payments for one in _numbers(payment)}
    debts = connection.execute(_DEBTS, {"references": list(references), "numbers": list(numbers)}).all()
    contracts = _contracts(connection, references)
    names = _names(connection, payments)
    customers = sorted({row.customer_id for row in debts} | set(contracts.values()) | set(names))
    lock_accounts(connection, customers)
    book = Book(contracts=contracts, names=names)
    for item in open_items_of(connection, customers):
        book.items.setdefault(item.customer_id, []).append(item)
    book.debts = _unique(book, debts, "reference")
    book.numbers = _unique(book, debts, "number")
    book.past = _past(connection, payments)
    book.refunds = _refunds(connection, payments)
    return book


def _references(payment: IncomingPayment) -> Iterable[str]:
    yield payment.reference
    yield from (one.reference for one in payment.remittances)
    yield from references_in(payment.message)


def _numbers(payment: IncomingPayment) -> Iterable[str]:
    yield from numbers_in(payment.message)
    yield from (one.reference for one in payment.remittances)


def _unique(book: Book, rows: Iterable[AnyRow], name: str) -> dict[str, Debt]:
    """Return debts by reference or number; of one customer the oldest open, of several customers none."""
    found: dict[str, list[Debt]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(Debt(row.customer_id, row.entry_id, row.number, row.reference))
    result = {}
    for key, debts in found.items():
        if len({debt.customer_id for debt in debts}) == 1:
            due = {item.entry_id: n for n, item in enumerate(book.open_of(debts[0].customer_id))}
            result[key] = min(debts, key=lambda debt: due.get(debt.entry_id, len(due)))
    return result


def _contracts(connection: Connection, references: Iterable[str]) -> dict[str, int]:
    """Return customers by the digits of their contract number; digits that several share are left out."""
    rows = connection.execute(_CONTRACTS, {"bases": [one[:-1] for one in references if one[:-1]]})
    return {row.digits: row.customer_id for row in rows}


def _names(connection: Connection, payments: Iterable[IncomingPayment]) -> dict[int, str]:
    """Return the customers that share a word with a payer who gave no reference."""
    wanted = {
        word
        for payment in payments
        if payment.nature is Nature.CREDIT and not payment.reference
        for word in [*words(payment.payer), *payment.payer.casefold().split()]
    }
    if not wanted:
        return {}
    return {row.id: row.name for row in connection.execute(_NAMES, {"words": list(wanted)})}


def _past(connection: Connection, payments: Iterable[IncomingPayment]) -> list[PastPayment]:
    amounts = [-payment.amount for payment in payments if payment.nature is Nature.REVERSAL]
    if not amounts:
        return []
    return [PastPayment(**row._mapping) for row in connection.execute(_PAST, {"amounts": amounts})]


def _refunds(connection: Connection, payments: Iterable[IncomingPayment]) -> dict[str, int]:
    named = {payment.end_to_end_id for payment in payments if payment.amount > 0}
    ids = {refund_id: one for one in named if (refund_id := refund_id_of(one)) is not None}
    if not ids:
        return {}
    return {ids[row.id]: row.id for row in connection.execute(_REFUNDS, {"ids": list(ids)})}


_DEBTS = text(
    """
    SELECT e.customer_id, e.id AS entry_id, i.number, i.reference
    FROM invoice i JOIN ledger_entry e ON e.invoice_id = i.id AND e.kind IN ('invoice', 'credit_note')
    WHERE i.reference = ANY(CAST(:references AS text[])) OR i.number = ANY(CAST(:numbers AS text[]))
    UNION ALL
    SELECT e.customer_id, e.id, o.number, o.reference
    FROM opening_item o JOIN ledger_entry e ON e.id = o.entry_id
    WHERE o.reference = ANY(CAST(:references AS text[])) OR o.number = ANY(CAST(:numbers AS text[]))
    ORDER BY 2
    """
)

_CONTRACTS = text(
    """
    SELECT ltrim(regexp_replace(contract_no, '[^0-9]', '', 'g'), '0') AS digits, min(customer_id) AS customer_id
    FROM contract WHERE ltrim(regexp_replace(contract_no, '[^0-9]', '', 'g'), '0') = ANY(CAST(:bases AS text[]))
    GROUP BY 1 HAVING count(DISTINCT contract_no) = 1
    """
)

_NAMES = text(
    """
    SELECT c.id, c.name FROM customer c WHERE EXISTS (
        SELECT 1 FROM regexp_split_to_table(lower(c.name), '[^[:alnum:]]+') AS word
        WHERE word = ANY(CAST(:words AS text[])))
    ORDER BY c.id
    """
)

# Only what is posted in full and has not been taken back can be taken back.
_PAST = text(
    """
    SELECT p.id AS payment_id, p.amount, p.reference, p.bank_id, p.account
    FROM payment p
    WHERE p.amount = ANY(CAST(:amounts AS numeric[])) AND p.amount > 0
        AND p.amount = (SELECT -sum(e.amount) FROM ledger_entry e WHERE e.payment_id = p.id
                        AND NOT EXISTS (SELECT 1 FROM ledger_entry r WHERE r.reverses_id = e.id))
    ORDER BY p.id
    """
)

_REFUNDS = text("SELECT id FROM refund WHERE state = 'exported' AND id = ANY(CAST(:ids AS int[]))")
