"""Writes and reads dunning events; they are never changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.dunning.steps import Happened, Step
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.kit.values import Json


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A step to be noted; about a receivable (`entry_id`) or a contract."""

    customer_id: int
    step: Step
    happened_on: date
    open_amount: Decimal
    reason: str
    created_by: str
    entry_id: int | None = None
    contract_id: int | None = None
    round: int = 0
    acts_on: date | None = None
    fee: Decimal = ZERO
    fee_entry_id: int | None = None
    batch_id: int | None = None
    detail: Json = field(default_factory=dict)


def note(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Write events; the database refuses a step that the course has had."""
    if events:
        rows = [
            {
                **{name: getattr(event, name) for name in NewEvent.__slots__},
                "step": event.step.value,
                "detail": json.dumps(event.detail),
            }
            for event in events
        ]
        connection.execute(_NOTE, rows)


def add_batch(connection: Connection, kind: str, as_of: date, documents: int, amount: Decimal, by: str) -> int:
    """Store a batch and return its id."""
    values = {"kind": kind, "as_of": as_of, "documents": documents, "amount": amount, "by": by}
    return int(connection.execute(_BATCH, values).scalar_one())


def batches(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return batches, newest first."""
    query = text(
        "SELECT id, kind, as_of, documents, amount, created_at, created_by FROM dunning_batch "
        "WHERE id < coalesce(:before, id + 1) ORDER BY id DESC LIMIT :limit"
    )
    return connection.execute(query, {"before": before_id, "limit": limit}).all()


def events(
    connection: Connection,
    *,
    customer_id: int | None = None,
    batch_id: int | None = None,
    before_id: int | None = None,
    limit: int,
) -> Sequence[AnyRow]:
    """Return events, newest first, of a customer or a batch."""
    values = {"customer": customer_id, "batch": batch_id, "before": before_id, "limit": limit}
    return connection.execute(_EVENTS, values).all()


def event(connection: Connection, event_id: int) -> AnyRow | None:
    """Return one event with its detail, or None."""
    query = text("SELECT id, step, customer_id, happened_on, detail FROM dunning_event WHERE id = :id")
    return connection.execute(query, {"id": event_id}).one_or_none()


def course_of_contract(connection: Connection, contract_id: int) -> list[Happened]:
    """Return what happened about the water of a contract, in order."""
    query = text("SELECT step, happened_on FROM dunning_event WHERE contract_id = :id ORDER BY id")
    return [Happened(row.step, row.happened_on) for row in connection.execute(query, {"id": contract_id})]


_NOTE = text(
    """
    INSERT INTO dunning_event (customer_id, entry_id, contract_id, step, round, happened_on, acts_on, open_amount,
                               fee, fee_entry_id, batch_id, reason, detail, created_by)
    VALUES (:customer_id, :entry_id, :contract_id, :step, :round, :happened_on, :acts_on, :open_amount,
            :fee, :fee_entry_id, :batch_id, :reason, CAST(:detail AS jsonb), :created_by)
    """
)
_BATCH = text(
    "INSERT INTO dunning_batch (kind, as_of, documents, amount, created_by) "
    "VALUES (:kind, :as_of, :documents, :amount, :by) RETURNING id"
)
_EVENTS = text(
    """
    SELECT d.id, d.step, d.happened_on, d.acts_on, d.open_amount, d.fee, d.reason, d.batch_id, d.created_at,
           d.created_by, u.customer_no, u.name AS customer_name, coalesce(i.number, o.number) AS invoice,
           c.contract_no, d.detail ? 'letter' AS has_letter
    FROM dunning_event d
    JOIN customer u ON u.id = d.customer_id
    LEFT JOIN ledger_entry e ON e.id = d.entry_id
    LEFT JOIN invoice i ON i.id = e.invoice_id
    LEFT JOIN opening_item o ON o.entry_id = e.id
    LEFT JOIN contract c ON c.id = d.contract_id
    WHERE d.id < coalesce(:before, d.id + 1)
        AND (CAST(:customer AS int) IS NULL OR d.customer_id = :customer)
        AND (CAST(:batch AS int) IS NULL OR d.batch_id = :batch)
    ORDER BY d.id DESC LIMIT :limit
    """
)
