"""What covers what: a credit over open items, oldest due first, and how that is taken back."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.ledger.balances import OpenCredit, OpenItem, open_credits, open_items
from meterhub.billing.rating.model import Country
from meterhub.billing.receivables import allocation as rules
from meterhub.billing.receivables.allocation import DEFAULT_ORDER, Part
from meterhub.kit.money import ZERO

_FINNISH = "EUR"


def lock_accounts(connection: Connection, customer_ids: Sequence[int]) -> None:
    """Keep others from allocating on these accounts until this transaction ends; always in the same order."""
    connection.execute(_LOCK, {"ids": list(customer_ids)})


def spread(
    items: Sequence[OpenItem], amount: Decimal, order: Sequence[Part], designated: Sequence[int] = ()
) -> list[tuple[int, Decimal]]:
    """Return which entries an amount covers: designated ones first (entry ids), then the oldest due.

    A fee that belongs to an invoice is a part of that invoice's item.
    """
    grouped: dict[str, list[OpenItem]] = {}
    for item in items:
        grouped.setdefault(_key(item), []).append(item)
    keys = {item.entry_id: _key(item) for item in items}
    wanted = list(dict.fromkeys(keys[entry_id] for entry_id in designated if entry_id in keys))
    covered = rules.allocate([_as_rule_item(key, of) for key, of in grouped.items()], amount, order, wanted)
    result = []
    for one in covered.allocations:
        left = one.amount
        for item in (item for item in grouped[one.invoice] if item.part is one.part):
            taken = min(left, item.open_amount)
            if taken > 0:
                result.append((item.entry_id, taken))
                left -= taken
    return result


def apply_credit(
    connection: Connection, credit: OpenCredit, by: str, reason: str, designated: Sequence[int] = ()
) -> Decimal:
    """Let a credit cover its customer's open items; return what is left of it. The account must be locked."""
    items = [item for item in open_items(connection, credit.customer_id) if item.currency == credit.currency]
    covers = spread(items, credit.open_amount, order_of(credit.currency), designated)
    cover(connection, credit.entry_id, covers, by, reason)
    return credit.open_amount - sum((amount for _, amount in covers), ZERO)


def set_off(connection: Connection, customer_ids: Sequence[int], by: str) -> None:
    """Let every credit that customers have cover what they owe: what a credit note returns, then the oldest."""
    if not customer_ids:
        return
    lock_accounts(connection, customer_ids)
    for credit in open_credits(connection, customer_ids):
        returned = [] if credit.returns_entry_id is None else [credit.returns_entry_id]
        apply_credit(connection, credit, by, "set_off", returned)


def cover(
    connection: Connection, credit_entry_id: int, covers: Sequence[tuple[int, Decimal]], by: str, reason: str
) -> None:
    """Write which debits a credit covers; the database refuses more than either has open."""
    cover_many(connection, [(credit_entry_id, debit, amount) for debit, amount in covers], by, reason)


def cover_many(connection: Connection, covers: Sequence[tuple[int, int, Decimal]], by: str, reason: str) -> None:
    """Write which credits cover which debits, with how much."""
    if covers:
        credits_, debits, amounts = zip(*covers, strict=True)
        connection.execute(
            _COVER,
            {
                "credits": list(credits_),
                "debits": list(debits),
                "amounts": list(amounts),
                "reason": reason,
                "by": by,
            },
        )


def take_back(connection: Connection, entry_ids: Sequence[int], by: str) -> int:
    """Undo every allocation that touches these entries by negative rows; return how many."""
    return connection.execute(_TAKE_BACK, {"ids": list(entry_ids), "by": by}).rowcount


def order_of(currency: str) -> tuple[Part, ...]:
    """Return which part of an item is covered first where the currency is the country's."""
    return DEFAULT_ORDER[Country.FI if currency == _FINNISH else Country.NO]


def _key(item: OpenItem) -> str:
    return f"invoice:{item.invoice_id}" if item.invoice_id is not None else f"entry:{item.entry_id}"


def _as_rule_item(key: str, of: Sequence[OpenItem]) -> rules.OpenItem:
    due_on = min(item.due_on for item in of)
    fee, interest, principal = (
        sum((item.open_amount for item in of if item.part is part), ZERO)
        for part in (Part.FEE, Part.INTEREST, Part.PRINCIPAL)
    )
    return rules.OpenItem(key, due_on, fee, interest, principal)


_LOCK = text("SELECT id FROM customer WHERE id = ANY(CAST(:ids AS int[])) ORDER BY id FOR NO KEY UPDATE")

_COVER = text(
    """
    INSERT INTO allocation (credit_entry_id, debit_entry_id, amount, reason, created_by)
    SELECT credit, debit, amount, :reason, :by
    FROM unnest(CAST(:credits AS bigint[]), CAST(:debits AS bigint[]), CAST(:amounts AS numeric[])) WITH ORDINALITY
         AS new (credit, debit, amount, at)
    ORDER BY at
    """
)

_TAKE_BACK = text(
    """
    INSERT INTO allocation (credit_entry_id, debit_entry_id, amount, reverses_id, reason, created_by)
    SELECT a.credit_entry_id, a.debit_entry_id, -a.amount, a.id, 'undo', :by
    FROM allocation a
    WHERE (a.credit_entry_id = ANY(CAST(:ids AS bigint[])) OR a.debit_entry_id = ANY(CAST(:ids AS bigint[])))
        AND a.amount > 0 AND NOT EXISTS (SELECT 1 FROM allocation undone WHERE undone.reverses_id = a.id)
    ORDER BY a.id
    """
)
