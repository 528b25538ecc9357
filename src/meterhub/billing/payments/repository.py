"""Queries on payment files, payments and the queue."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from meterhub.billing.payments.model import IncomingPayment, PaymentFile
from meterhub.kit.db import AnyRow


def lock_imports(connection: Connection) -> None:
    """Let one import at a time look for payments that are there already."""
    connection.execute(text("LOCK TABLE payment_file IN SHARE ROW EXCLUSIVE MODE"))


def file_by_hash(connection: Connection, sha256: str) -> AnyRow | None:
    """Return the file with this content, or None."""
    return connection.execute(text(_FILE + "WHERE f.sha256 = :sha256"), {"sha256": sha256}).one_or_none()


def file_by_key(connection: Connection, file_format: str, key: str) -> AnyRow | None:
    """Return the file with this key, or None."""
    query = text(_FILE + "WHERE f.format = :format AND f.key = :key")
    return connection.execute(query, {"format": file_format, "key": key}).one_or_none()


def file_by_id(connection: Connection, file_id: int) -> AnyRow | None:
    """Return a file, or None."""
    return connection.execute(text(_FILE + "WHERE f.id = :id"), {"id": file_id}).one_or_none()


def files(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return imported files, newest first."""
    query = text(_FILE + "WHERE (CAST(:before AS int) IS NULL OR f.id < :before) ORDER BY f.id DESC LIMIT :limit")
    return connection.execute(query, {"before": before_id, "limit": limit}).all()


def add_file(connection: Connection, file: PaymentFile, values: dict[str, object]) -> int:
    """Store a file and return its id."""
    skipped = [
        {"where": one.where, "why": one.why, "amount": str(one.amount), "currency": one.currency}
        for one in file.skipped
    ]
    result: int = connection.execute(
        _ADD_FILE,
        {
            "format": file.format,
            "key": file.key,
            "created_on": file.created_on,
            "count": len(file.payments),
            "total": file.total,
            "skipped": json.dumps(skipped),
            **values,
        },
    ).scalar_one()
    return result


def add_payments(
    connection: Connection, payments: Sequence[IncomingPayment], file_id: int | None, by: str
) -> list[int]:
    """Store payments and return their ids in the same order."""
    rows = [
        {
            "place": one.where,
            "nature": one.nature.value,
            "amount": str(one.amount),
            "currency": one.currency,
            "booked_on": one.booked_on.isoformat(),
            "paid_on": one.paid_on.isoformat(),
            "account": one.account,
            "reference": one.reference,
            "message": one.message,
            "payer": one.payer,
            "bank_id": one.bank_id,
            "end_to_end_id": one.end_to_end_id,
            "remittances": [{"reference": part.reference, "amount": str(part.amount)} for part in one.remittances],
        }
        for one in payments
    ]
    values = {"rows": json.dumps(rows, ensure_ascii=False), "file_id": file_id, "by": by}
    return list(connection.execute(_ADD_PAYMENTS, values).scalars())


def alike(connection: Connection, payments: Sequence[IncomingPayment]) -> Sequence[AnyRow]:
    """Return stored payments that share account, amount and booking day with one of these, by its number."""
    values = {
        "accounts": [one.account for one in payments],
        "amounts": [one.amount for one in payments],
        "days": [one.booked_on for one in payments],
    }
    return connection.execute(_ALIKE, values).all()


def queue(connection: Connection, payments: Sequence[tuple[int, str, int | None]]) -> None:
    """Put payments (id, why, duplicate of) into the queue."""
    if payments:
        ids, whys, duplicates = zip(*payments, strict=True)
        connection.execute(_QUEUE, {"ids": list(ids), "whys": list(whys), "duplicates": list(duplicates)})


def leave_queue(connection: Connection, payment_id: int) -> None:
    """Take a payment out of the queue."""
    connection.execute(text("DELETE FROM unmatched_payment WHERE payment_id = :id"), {"id": payment_id})


def set_aside(connection: Connection, payment_id: int, by: str | None, reason: str | None) -> None:
    """Mark a payment of the queue as not to be posted, or without a name as waiting again."""
    connection.execute(_SET_ASIDE, {"id": payment_id, "by": by, "reason": reason})


def payment_by_id(connection: Connection, payment_id: int, *, lock: bool = False) -> AnyRow | None:
    """Return a payment with what is posted of it and its place in the queue, or None.

    The lock comes in a statement of its own: one that waited would still see what was posted before it waited.
    """
    values = {"id": payment_id}
    if lock:
        connection.execute(text("SELECT 1 FROM payment WHERE id = :id FOR NO KEY UPDATE"), values)
    return connection.execute(text(_PAYMENT + "WHERE p.id = :id"), values).one_or_none()


def unmatched(
    connection: Connection, *, after_id: int | None, limit: int, aside: bool = False
) -> Sequence[AnyRow]:
    """Return the queue, oldest first; with `aside`, what was set aside instead."""
    query = text(
        _PAYMENT + "WHERE u.payment_id IS NOT NULL AND (u.set_aside_at IS NOT NULL) = :aside "
        "AND p.id > coalesce(:after, 0) ORDER BY p.id LIMIT :limit"
    )
    return connection.execute(query, {"after": after_id, "limit": limit, "aside": aside}).all()


def payments_of_file(
    connection: Connection, file_id: int, *, after_id: int | None, limit: int
) -> Sequence[AnyRow]:
    """Return the payments of a file in order."""
    query = text(_PAYMENT + "WHERE p.file_id = :file AND p.id > coalesce(:after, 0) ORDER BY p.id LIMIT :limit")
    return connection.execute(query, {"file": file_id, "after": after_id, "limit": limit}).all()


def entries_of(connection: Connection, payment_id: int) -> Sequence[AnyRow]:
    """Return the ledger entries of a payment, and what reversed them."""
    return connection.execute(_ENTRIES, {"id": payment_id}).all()


_FILE = """
    SELECT f.id, f.format, f.key, f.name, f.sha256, f.created_on, f.count, f.total, f.repeated_count,
           f.repeated_total, f.skipped, f.imported_at, f.imported_by, s.posted, s.waiting_count, s.waiting, s.aside
    FROM payment_file f
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.posted), 0.00) AS posted,
               count(*) FILTER (WHERE x.state = 'waiting') AS waiting_count,
               coalesce(sum(x.amount - x.posted) FILTER (WHERE x.state = 'waiting'), 0.00) AS waiting,
               coalesce(sum(x.amount - x.posted) FILTER (WHERE x.state = 'aside'), 0.00) AS aside
        FROM (SELECT p.amount,
                     coalesce((SELECT -sum(e.amount) FROM ledger_entry e WHERE e.payment_id = p.id), 0) AS posted,
                     CASE WHEN u.payment_id IS NULL THEN 'posted' WHEN u.set_aside_at IS NULL THEN 'waiting'
                          ELSE 'aside' END AS state
              FROM payment p LEFT JOIN unmatched_payment u ON u.payment_id = p.id WHERE p.file_id = f.id) x
    ) s
"""

_PAYMENT = """
    SELECT p.id, p.file_id, p.place, p.nature, p.amount, p.currency, p.booked_on, p.paid_on, p.account,
           p.reference, p.message, p.payer, p.bank_id, p.end_to_end_id, p.remittances, p.created_by, u.why,
           u.duplicate_of_id,
           u.set_aside_at, u.set_aside_by, u.set_aside_reason, u.payment_id IS NOT NULL AS queued,
           f.name AS file_name,
           coalesce((SELECT -sum(e.amount) FROM ledger_entry e WHERE e.payment_id = p.id), 0.00) AS posted
    FROM payment p
    LEFT JOIN unmatched_payment u ON u.payment_id = p.id LEFT JOIN payment_file f ON f.id = p.file_id
"""

_ADD_FILE = text(
    """
    INSERT INTO payment_file (format, key, name, sha256, created_on, count, total, repeated_count, repeated_total,
                              skipped, imported_by)
    VALUES (:format, :key, :name, :sha256, :created_on, :count, :total, :repeated_count, :repeated_total,
            CAST(:skipped AS jsonb), :by)
    RETURNING id
    """
)

_ADD_PAYMENTS = text(
    """
    INSERT INTO payment (file_id, place, nature, amount, currency, booked_on, paid_on, account, reference, message,
                         payer, bank_id, end_to_end_id, remittances, created_by)
    SELECT :file_id, n.place, n.nature, n.amount, n.currency, n.booked_on, n.paid_on, n.account, n.reference,
           n.message, n.payer, n.bank_id, n.end_to_end_id, n.remittances, :by
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS
        (place text, nature text, amount numeric, currency text, booked_on date, paid_on date, account text,
         reference text, message text, payer text, bank_id text, end_to_end_id text, remittances jsonb))
        WITH ORDINALITY AS n
    ORDER BY ordinality
    RETURNING id
    """
)

_ALIKE = text(
    """
    SELECT w.at - 1 AS position, p.id, p.reference, p.bank_id, p.payer, f.format
    FROM unnest(CAST(:accounts AS text[]), CAST(:amounts AS numeric[]), CAST(:days AS date[])) WITH ORDINALITY
         AS w (account, amount, day, at)
    JOIN payment p ON p.booked_on = w.day AND p.amount = w.amount AND p.account = w.account
    LEFT JOIN payment_file f ON f.id = p.file_id
    ORDER BY w.at, p.id
    """
)

_QUEUE = text(
    """
    INSERT INTO unmatched_payment (payment_id, why, duplicate_of_id)
    SELECT id, why, duplicate
    FROM unnest(CAST(:ids AS bigint[]), CAST(:whys AS text[]), CAST(:duplicates AS bigint[]))
         AS n (id, why, duplicate)
    ON CONFLICT (payment_id) DO UPDATE SET why = excluded.why
    """
)

_SET_ASIDE = text(
    """
    UPDATE unmatched_payment SET set_aside_at = CASE WHEN CAST(:by AS text) IS NULL THEN NULL ELSE now() END,
        set_aside_by = :by, set_aside_reason = :reason WHERE payment_id = :id
    """
)

_ENTRIES = text(
    """
    SELECT e.id, e.customer_id, c.customer_no, c.name, e.kind, e.amount, e.booked_on, e.text, e.created_at,
           e.created_by, r.id AS reversed_by, e.reverses_id
    FROM ledger_entry e JOIN customer c ON c.id = e.customer_id LEFT JOIN ledger_entry r ON r.reverses_id = e.id
    WHERE e.payment_id = :id ORDER BY e.id
    """
)
