"""The stop list: what must not be reminded of, handed to collection or lead to disconnection, and why."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow

REASONS = ("dispute", "death", "bankruptcy", "hardship", "other")
PLAN = "payment_plan"


def add_stop(
    connection: Connection,
    principal: Principal,
    customer_id: int,
    reason: str,
    valid_from: date,
    *,
    entry_id: int | None = None,
    valid_to: date | None = None,
    note: str = "",
) -> int:
    """Put an account, or one entry of it, on the stop list until before a day; raises BadInput, NotFound."""
    if reason not in REASONS:
        raise BadInput(f"{reason!r} is no reason for a stop", fields={"reason": f"one of {', '.join(REASONS)}"})
    if valid_to is not None and valid_to <= valid_from:
        raise BadInput(f"the stop ends on {valid_to}, not after {valid_from}", fields={"valid_to": "too early"})
    values = {
        "customer": customer_id,
        "entry": entry_id,
        "reason": reason,
        "text": note,
        "from": valid_from,
        "to": valid_to,
        "by": principal.name,
    }
    stop_id: int | None = connection.execute(_ADD, values).scalar_one_or_none()
    if stop_id is None:
        raise NotFound(f"account {customer_id} has no ledger entry {entry_id}")
    record(connection, principal, action="add-reminder-stop", purpose="billing", subject=f"stop:{stop_id}")
    return stop_id


def end_stop(connection: Connection, principal: Principal, stop_id: int, on: date) -> None:
    """Take something off the stop list from a day on; raises NotFound, Conflict if it ends earlier already."""
    row = connection.execute(_LOCKED, {"id": stop_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no stop {stop_id}")
    if row.valid_to is not None and row.valid_to <= on:
        raise Conflict(f"stop {stop_id} ends on {row.valid_to} already")
    connection.execute(_END, {"id": stop_id, "on": max(on, row.valid_from), "by": principal.name})
    record(connection, principal, action="end-reminder-stop", purpose="billing", subject=f"stop:{stop_id}")


def stopped_entries(connection: Connection, entry_ids: Sequence[int], on: date) -> dict[int, str]:
    """Return which of these entries are stopped on a day and why; a payment plan stops while it is kept."""
    rows = connection.execute(_STOPPED, {"ids": list(entry_ids), "on": on})
    return {row.entry_id: row.reason for row in rows}


def stops_of(connection: Connection, customer_id: int) -> Sequence[AnyRow]:
    """Return the stop list of an account, newest first."""
    return connection.execute(_OF, {"id": customer_id}).all()


_ADD = text(
    """
    INSERT INTO reminder_stop (customer_id, entry_id, reason, text, valid_from, valid_to, created_by)
    SELECT :customer, :entry, :reason, :text, :from, :to, :by
    WHERE CAST(:entry AS bigint) IS NULL
        OR EXISTS (SELECT 1 FROM ledger_entry WHERE id = :entry AND customer_id = :customer)
    RETURNING id
    """
)
_LOCKED = text("SELECT valid_from, valid_to FROM reminder_stop WHERE id = :id FOR NO KEY UPDATE")
_END = text("UPDATE reminder_stop SET valid_to = :on, ended_by = :by WHERE id = :id")
_OF = text(
    """
    SELECT s.id, s.entry_id, i.number, s.reason, s.text, s.valid_from, s.valid_to, s.created_at, s.created_by,
           s.ended_by
    FROM reminder_stop s LEFT JOIN ledger_entry e ON e.id = s.entry_id LEFT JOIN invoice i ON i.id = e.invoice_id
    WHERE s.customer_id = :id ORDER BY s.id DESC
    """
)

# A plan is kept while what was covered of its items reaches the instalments that were due before the day.
_STOPPED = text(
    """
    SELECT DISTINCT ON (e.id) e.id AS entry_id, s.reason
    FROM ledger_entry e
    CROSS JOIN LATERAL (
        SELECT r.reason, 1 AS rank FROM reminder_stop r
        WHERE r.customer_id = e.customer_id AND (r.entry_id IS NULL OR r.entry_id = e.id)
            AND r.valid_from <= :on AND (r.valid_to IS NULL OR r.valid_to > :on)
        UNION ALL
        SELECT 'payment_plan', 2 FROM payment_plan_item i JOIN payment_plan p ON p.id = i.plan_id
        WHERE i.entry_id = e.id AND p.agreed_on <= :on AND (p.ended_on IS NULL OR p.ended_on > :on)
            AND payment_plan_behind(p.id, CAST(:on AS date)) <= 0
    ) s
    WHERE e.id = ANY(CAST(:ids AS bigint[]))
    ORDER BY e.id, s.rank
    """
)
