"""Queries of the outbox."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow
from meterhub.kit.values import Json

_ENQUEUE = text(
    """
    INSERT INTO delivery (customer_id, invoice_id, number, channel, created_by)
    SELECT i.customer_id, i.id, i.number, c.delivery_channel, :by
    FROM invoice i JOIN customer c ON c.id = i.customer_id WHERE i.id = ANY(:ids) ORDER BY i.id
    ON CONFLICT (invoice_id) WHERE invoice_id IS NOT NULL AND resend_of IS NULL DO NOTHING
    """
)
# Networks that have no letters get them as e-mail or on paper.
_ENQUEUE_LETTER = text(
    """
    INSERT INTO delivery (customer_id, letter, number, channel, created_by)
    SELECT c.id, CAST(:letter AS jsonb), :number,
           CASE WHEN c.delivery_channel NOT IN ('ehf', 'peppol') THEN c.delivery_channel
                WHEN c.email IS NOT NULL THEN 'email' ELSE 'paper' END, :by
    FROM customer c WHERE c.id = :customer_id
    RETURNING id
    """
)
_RESEND = text(
    """
    INSERT INTO delivery (customer_id, invoice_id, letter, number, channel, resend_of, created_by)
    SELECT customer_id, invoice_id, letter, number, coalesce(:channel, channel), id, :by
    FROM delivery WHERE id = :id
    RETURNING id
    """
)
_CLAIM = text(
    """
    UPDATE delivery SET state = 'sending', tries = tries + 1, claimed_at = :now, problem = NULL, batch = :batch
    WHERE id IN (
        SELECT id FROM delivery WHERE state = 'waiting' AND not_before <= :now AND (channel = 'paper') = :paper
        ORDER BY not_before, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, customer_id, invoice_id, letter, number, channel, tries
    """
)
_LIST = (
    "SELECT d.id, d.number, d.channel, d.state, d.tries, d.not_before, d.problem, d.sent_at, d.sent_as, "
    "d.resend_of, d.created_at, d.created_by, d.batch, u.customer_no, d.invoice_id "
    "FROM delivery d JOIN customer u ON u.id = d.customer_id "
)


def enqueue(connection: Connection, invoice_ids: Sequence[int], by: str) -> int:
    """Queue issued documents by the channel of their customers; one that was queued before stays as it is."""
    return connection.execute(_ENQUEUE, {"ids": list(invoice_ids), "by": by}).rowcount


def enqueue_letter(connection: Connection, customer_id: int, number: str, letter: Json, by: str) -> int:
    """Queue a letter and return the id of its delivery."""
    values = {
        "customer_id": customer_id,
        "number": number,
        "letter": json.dumps(letter, ensure_ascii=False),
        "by": by,
    }
    return int(connection.execute(_ENQUEUE_LETTER, values).scalar_one())


def claim(
    connection: Connection, now: datetime, *, paper: bool, limit: int, batch: str | None
) -> Sequence[AnyRow]:
    """Take what waits, so that nobody else sends it."""
    values = {"now": now, "paper": paper, "limit": limit, "batch": batch}
    return sorted(connection.execute(_CLAIM, values).all(), key=lambda row: row.id)


def sent(connection: Connection, ids: Sequence[int], now: datetime, sent_as: str) -> None:
    """Say that deliveries have left, and as what."""
    query = text("UPDATE delivery SET state = 'sent', sent_at = :now, sent_as = :sent_as WHERE id = ANY(:ids)")
    connection.execute(query, {"ids": list(ids), "now": now, "sent_as": sent_as})


def put_off(connection: Connection, delivery_id: int, problem: str, not_before: datetime) -> None:
    """Let a delivery wait until it is tried again."""
    query = text(
        "UPDATE delivery SET state = 'waiting', batch = NULL, problem = :problem, not_before = :not_before "
        "WHERE id = :id"
    )
    connection.execute(query, {"id": delivery_id, "problem": problem, "not_before": not_before})


def stop(connection: Connection, delivery_id: int, problem: str, state: str = "failed") -> None:
    """Leave a delivery to a clerk."""
    query = text("UPDATE delivery SET state = :state, problem = :problem WHERE id = :id")
    connection.execute(query, {"id": delivery_id, "problem": problem, "state": state})


def abandoned(connection: Connection, now: datetime, silent_for: timedelta) -> Sequence[AnyRow]:
    """Return deliveries whose sender has not come back, and keep others from looking after them."""
    query = text(
        "SELECT id, channel, batch, tries FROM delivery WHERE state = 'sending' AND claimed_at < :before "
        "ORDER BY id FOR UPDATE SKIP LOCKED"
    )
    return connection.execute(query, {"before": now - silent_for}).all()


def by_id(connection: Connection, delivery_id: int, *, lock: bool = False) -> AnyRow | None:
    """Return a delivery; with `lock`, nobody else sends or resends it meanwhile."""
    query = _LIST + "WHERE d.id = :id" + (" FOR UPDATE OF d" if lock else "")
    return connection.execute(text(query), {"id": delivery_id}).one_or_none()


def again(connection: Connection, delivery_id: int, channel: str | None) -> None:
    """Let a delivery that failed be tried from the start."""
    query = text(
        "UPDATE delivery SET state = 'waiting', tries = 0, not_before = now(), batch = NULL, problem = NULL, "
        "channel = coalesce(:channel, channel) WHERE id = :id"
    )
    connection.execute(query, {"id": delivery_id, "channel": channel})


def resend(connection: Connection, delivery_id: int, channel: str | None, by: str) -> int:
    """Queue what was sent once more, as a delivery of its own."""
    return int(connection.execute(_RESEND, {"id": delivery_id, "channel": channel, "by": by}).scalar_one())


def listed(
    connection: Connection,
    *,
    before_id: int | None,
    limit: int,
    state: str | None = None,
    number: str | None = None,
    customer_no: str | None = None,
) -> Sequence[AnyRow]:
    """Return deliveries, newest first, in a state, of a document or of a customer."""
    given = {
        "d.id < :before_id": ("before_id", before_id),
        "d.state = :state": ("state", state),
        "d.number = :number": ("number", number),
        "u.customer_no = :customer_no": ("customer_no", customer_no),
    }
    used = {condition: pair for condition, pair in given.items() if pair[1] is not None}
    where = f"WHERE {' AND '.join(used)} " if used else ""
    query = text(_LIST + where + "ORDER BY d.id DESC LIMIT :limit")
    return connection.execute(query, {**dict(used.values()), "limit": limit}).all()


def customer_of(connection: Connection, customer_id: int) -> AnyRow:
    """Return how a customer is reached at present."""
    query = text("SELECT customer_no, name, email FROM customer WHERE id = :id")
    return connection.execute(query, {"id": customer_id}).one()
