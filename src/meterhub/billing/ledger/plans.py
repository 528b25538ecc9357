"""Payment plans: open items to be paid in instalments; while that is kept, nobody is reminded of them."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.ledger.balances import open_items
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.money import CENT, ZERO


@dataclass(frozen=True, slots=True)
class Instalment:
    """A part and the day by which it is to be paid."""

    due_on: date
    amount: Decimal


def even_instalments(total: Decimal, days: Sequence[date]) -> list[Instalment]:
    """Split a sum over days in cents, what does not divide on the first ones."""
    share = (total / len(days)).quantize(CENT, rounding="ROUND_DOWN")
    spare = int((total - share * len(days)) / CENT)
    return [Instalment(day, share + (CENT if n < spare else ZERO)) for n, day in enumerate(days)]


def monthly(first: date, count: int) -> list[date]:
    """Return the same day of so many months, the last day where a month is shorter."""
    months = [first.year * 12 + first.month - 1 + n for n in range(count)]
    return [
        date(month // 12, month % 12 + 1, min(first.day, monthrange(month // 12, month % 12 + 1)[1]))
        for month in months
    ]


def agree(
    connection: Connection,
    principal: Principal,
    customer_id: int,
    entry_ids: Sequence[int],
    instalments: Sequence[Instalment],
    agreed_on: date,
    reason: str = "",
) -> int:
    """Store a plan for open items; raises BadInput if the instalments do not come to them, Conflict, NotFound."""
    if any(after.due_on <= before.due_on for before, after in pairwise(instalments)) or not instalments:
        raise BadInput("instalments need days in rising order", fields={"instalments": "not in rising order"})
    if instalments[0].due_on < agreed_on:
        raise BadInput(f"the first instalment is due before {agreed_on}", fields={"instalments": "too early"})
    lock_accounts(connection, [customer_id])
    items = {item.entry_id: item for item in open_items(connection, customer_id)}
    missing = [one for one in entry_ids if one not in items]
    if missing or not entry_ids:
        raise NotFound(f"not open on this account: {', '.join(map(str, missing)) or 'no item was named'}")
    taken = connection.execute(_TAKEN, {"ids": list(entry_ids)}).scalars().all()
    if taken:
        raise Conflict(f"payment plan {taken[0]} has some of these items already: end it first")
    total = sum((items[one].open_amount for one in set(entry_ids)), ZERO)
    planned = sum((one.amount for one in instalments), ZERO)
    if planned != total:
        raise BadInput(f"the instalments come to {planned}, the items to {total}", fields={"instalments": "sum"})
    values = {"customer": customer_id, "amount": total, "on": agreed_on, "reason": reason, "by": principal.name}
    plan_id: int = connection.execute(_ADD, values).scalar_one()
    for entry_id in sorted(set(entry_ids)):
        row = {"plan": plan_id, "entry": entry_id, "open": items[entry_id].open_amount}
        connection.execute(_ADD_ITEM, row)
    for one in instalments:
        connection.execute(_ADD_INSTALMENT, {"plan": plan_id, "due": one.due_on, "amount": one.amount})
    record(
        connection, principal, action="agree-payment-plan", purpose="billing", subject=f"payment-plan:{plan_id}"
    )
    return plan_id


def end(connection: Connection, principal: Principal, plan_id: int, on: date) -> None:
    """End a plan: its items are reminded of again; raises NotFound, Conflict."""
    row = connection.execute(_LOCKED, {"id": plan_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment plan {plan_id}")
    if row.ended_on is not None:
        raise Conflict(f"payment plan {plan_id} ended on {row.ended_on}")
    connection.execute(_END, {"id": plan_id, "on": on, "by": principal.name})
    record(connection, principal, action="end-payment-plan", purpose="billing", subject=f"payment-plan:{plan_id}")


def plans_of(connection: Connection, customer_id: int, on: date) -> Sequence[AnyRow]:
    """Return the plans of an account with instalments, what is paid, and how far behind each is on a day."""
    return connection.execute(_OF, {"id": customer_id, "on": on}).all()


_TAKEN = text(
    """
    SELECT p.id FROM payment_plan_item i JOIN payment_plan p ON p.id = i.plan_id
    WHERE i.entry_id = ANY(CAST(:ids AS bigint[])) AND p.ended_on IS NULL
    """
)
_ADD = text(
    """
    INSERT INTO payment_plan (customer_id, amount, agreed_on, reason, created_by)
    VALUES (:customer, :amount, :on, :reason, :by) RETURNING id
    """
)
_ADD_ITEM = text("INSERT INTO payment_plan_item (plan_id, entry_id, open_amount) VALUES (:plan, :entry, :open)")
_ADD_INSTALMENT = text(
    "INSERT INTO payment_plan_instalment (plan_id, due_on, amount) VALUES (:plan, :due, :amount)"
)
_LOCKED = text("SELECT ended_on FROM payment_plan WHERE id = :id FOR NO KEY UPDATE")
_END = text("UPDATE payment_plan SET ended_on = :on, ended_by = :by WHERE id = :id")
_OF = text(
    """
    SELECT p.id, p.amount, p.agreed_on, p.reason, p.created_by, p.ended_on, p.ended_by,
           payment_plan_paid(p.id) AS paid, payment_plan_behind(p.id, CAST(:on AS date)) AS behind,
           (SELECT json_agg(json_build_object('due_on', i.due_on, 'amount', i.amount::text) ORDER BY i.due_on)
            FROM payment_plan_instalment i WHERE i.plan_id = p.id) AS instalments,
           (SELECT json_agg(i.entry_id ORDER BY i.entry_id) FROM payment_plan_item i
            WHERE i.plan_id = p.id) AS entries
    FROM payment_plan p WHERE p.customer_id = :id ORDER BY p.id DESC
    """
)
