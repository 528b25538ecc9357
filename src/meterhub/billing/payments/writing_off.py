"""Debts given up: small ones by one person, larger ones only with a second; undone by a reversing entry."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.ledger import posting
from meterhub.billing.ledger.allocations import cover, lock_accounts
from meterhub.billing.ledger.balances import OpenItem, open_items
from meterhub.billing.ledger.posting import NewEntry
from meterhub.errors import Conflict, NotAllowed, NotFound
from meterhub.kit.db import AnyRow
from meterhub.settings import Settings


def propose(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    entry_id: int,
    reason: str,
    booked_on: date,
    amount: Decimal | None = None,
) -> AnyRow:
    """Give up an open item, or a part of it; over the limit, counted by customer and year, it waits for another.

    Raises NotFound, Conflict.
    """
    item = _open(connection, entry_id)
    wanted = item.open_amount if amount is None else amount
    if not 0 < wanted <= item.open_amount:
        raise Conflict(f"{wanted} cannot be written off: {item.open_amount} is open")
    before: Decimal = connection.execute(
        _WITHIN_A_YEAR, {"customer": item.customer_id, "on": booked_on}
    ).scalar_one()
    alone = before + wanted <= settings.receivables.write_off_limit
    values = {"entry": entry_id, "amount": wanted, "reason": reason, "by": principal.name}
    write_off_id: int | None = connection.execute(_ADD, values).scalar_one_or_none()
    if write_off_id is None:
        raise Conflict(f"a write-off of ledger entry {entry_id} waits for a second person already")
    record(
        connection, principal, action="propose-write-off", purpose="billing", subject=f"write-off:{write_off_id}"
    )
    if alone:
        _post(connection, principal, write_off_id, item, wanted, reason, booked_on)
    return find(connection, write_off_id)


def approve(connection: Connection, principal: Principal, write_off_id: int, booked_on: date) -> AnyRow:
    """Post a write-off that another person proposed; raises NotAllowed, NotFound, Conflict."""
    row = _waiting(connection, write_off_id)
    if row.created_by == principal.name:
        raise NotAllowed(f"write-off {write_off_id} was proposed by {principal.name}: another person approves it")
    item = _open(connection, row.debit_entry_id)
    if row.amount > item.open_amount:
        raise Conflict(f"only {item.open_amount} is open by now: reject the write-off of {row.amount}")
    _post(connection, principal, write_off_id, item, row.amount, row.reason, booked_on)
    return find(connection, write_off_id)


def reject(connection: Connection, principal: Principal, write_off_id: int) -> AnyRow:
    """Refuse a write-off that waits; raises NotFound, Conflict."""
    _waiting(connection, write_off_id)
    connection.execute(_DECIDE, {"id": write_off_id, "state": "rejected", "entry": None, "by": principal.name})
    record(
        connection, principal, action="reject-write-off", purpose="billing", subject=f"write-off:{write_off_id}"
    )
    return find(connection, write_off_id)


def undo(connection: Connection, principal: Principal, write_off_id: int, reason: str, booked_on: date) -> None:
    """Open again what was written off; raises NotFound, Conflict."""
    row = find(connection, write_off_id)
    if row.entry_id is None:
        raise Conflict(f"write-off {write_off_id} is {row.state}: there is nothing to undo")
    posting.reverse(connection, row.entry_id, booked_on, principal.name, f"write-off undone: {reason}")
    record(connection, principal, action="undo-write-off", purpose="billing", subject=f"write-off:{write_off_id}")


def find(connection: Connection, write_off_id: int) -> AnyRow:
    """Return a write-off; raises NotFound."""
    row = connection.execute(text(_SELECT + "WHERE w.id = :id"), {"id": write_off_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no write-off {write_off_id}")
    return row


def write_offs(
    connection: Connection,
    *,
    state: str | None = None,
    customer_id: int | None = None,
    before_id: int | None = None,
    limit: int,
) -> Sequence[AnyRow]:
    """Return write-offs, of all accounts or of one, newest first."""
    values = {"state": state, "customer": customer_id, "before": before_id, "limit": limit}
    return connection.execute(_LIST, values).all()


def _waiting(connection: Connection, write_off_id: int) -> AnyRow:
    row = connection.execute(_LOCKED, {"id": write_off_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no write-off {write_off_id}")
    if row.state != "proposed":
        raise Conflict(f"write-off {write_off_id} is {row.state}")
    return row


def _open(connection: Connection, entry_id: int) -> OpenItem:
    query = text("SELECT customer_id FROM ledger_entry WHERE id = :id")
    customer_id: int | None = connection.execute(query, {"id": entry_id}).scalar_one_or_none()
    if customer_id is None:
        raise NotFound(f"there is no ledger entry {entry_id}")
    lock_accounts(connection, [customer_id])
    item = next((one for one in open_items(connection, customer_id) if one.entry_id == entry_id), None)
    if item is None:
        raise Conflict(f"nothing of ledger entry {entry_id} is open")
    return item


def _post(
    connection: Connection,
    principal: Principal,
    write_off_id: int,
    item: OpenItem,
    amount: Decimal,
    reason: str,
    booked_on: date,
) -> None:
    entry = NewEntry(
        item.customer_id,
        booked_on,
        "write_off",
        -amount,
        item.currency,
        principal.name,
        text=reason,
        invoice_id=item.invoice_id,
    )
    [posted] = posting.post(connection, [entry])
    cover(connection, posted, [(item.entry_id, amount)], principal.name, "write_off")
    connection.execute(_DECIDE, {"id": write_off_id, "state": "posted", "entry": posted, "by": principal.name})
    record(connection, principal, action="post-write-off", purpose="billing", subject=f"write-off:{write_off_id}")


_WITHIN_A_YEAR = text(
    """
    SELECT coalesce(-sum(e.amount), 0.00) FROM ledger_entry e
    WHERE e.customer_id = :customer AND e.kind = 'write_off' AND e.booked_on > CAST(:on AS date) - 365
        AND NOT EXISTS (SELECT 1 FROM ledger_entry r WHERE r.reverses_id = e.id)
    """
)
_ADD = text(
    """
    INSERT INTO write_off (debit_entry_id, amount, reason, state, created_by)
    VALUES (:entry, :amount, :reason, 'proposed', :by)
    ON CONFLICT (debit_entry_id) WHERE state = 'proposed' DO NOTHING RETURNING id
    """
)
_DECIDE = text(
    "UPDATE write_off SET state = :state, entry_id = :entry, decided_at = now(), decided_by = :by WHERE id = :id"
)
_LOCKED = text("SELECT * FROM write_off WHERE id = :id FOR NO KEY UPDATE")
_SELECT = """
    SELECT w.id, w.debit_entry_id, w.amount, w.reason, w.state, w.entry_id, w.created_at, w.created_by,
           w.decided_at, w.decided_by, c.customer_no,
           coalesce(i.number, (SELECT o.number FROM opening_item o WHERE o.entry_id = e.id)) AS number,
           EXISTS (SELECT 1 FROM ledger_entry r WHERE r.reverses_id = w.entry_id) AS undone
    FROM write_off w JOIN ledger_entry e ON e.id = w.debit_entry_id JOIN customer c ON c.id = e.customer_id
    LEFT JOIN invoice i ON i.id = e.invoice_id
"""
_LIST = text(
    _SELECT
    + "WHERE w.state = coalesce(:state, w.state) AND e.customer_id = coalesce(:customer, e.customer_id) "
    + "AND (CAST(:before AS int) IS NULL OR w.id < :before) "
    + "ORDER BY w.id DESC LIMIT :limit"
)
