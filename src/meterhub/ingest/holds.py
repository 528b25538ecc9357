"""Queries on quarantine: frames that wait, and what became of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.kit import arrays
from meterhub.kit.db import AnyRow


@dataclass(frozen=True, slots=True)
class NewHold:
    """A quarantine entry."""

    raw_frame_id: int
    reason: str
    detail: str
    manufacturer: str | None
    serial: str | None
    candidates: tuple[str, ...] = ()
    """Manufacturer and serial, written together, of all that the frame may belong to."""


def store_holds(connection: Connection, holds: Sequence[NewHold]) -> None:
    """Put frames into quarantine."""
    statement = text(
        """
        INSERT INTO quarantine (raw_frame_id, reason, detail, manufacturer, serial, candidates)
        SELECT id, reason, detail, manufacturer, serial, string_to_array(candidates, ',')
        FROM unnest(CAST(:id AS bigint[]), CAST(:reason AS text[]), CAST(:detail AS text[]),
                    CAST(:manufacturer AS text[]), CAST(:serial AS text[]), CAST(:candidates AS text[]))
            AS new (id, reason, detail, manufacturer, serial, candidates)
        """
    )
    connection.execute(
        statement,
        {
            "id": [hold.raw_frame_id for hold in holds],
            "reason": [hold.reason for hold in holds],
            "detail": [hold.detail[:1000] for hold in holds],
            "manufacturer": [hold.manufacturer for hold in holds],
            "serial": [hold.serial for hold in holds],
            "candidates": [",".join(hold.candidates) if len(hold.candidates) > 1 else None for hold in holds],
        },
    )


def held_frames(
    connection: Connection, *, after_id: int, reason: str | None, meter_id: int | None, limit: int
) -> Sequence[AnyRow]:
    """Return open quarantine entries with their frames, oldest first, and lock them.

    Those that another retry holds are waited for: it may not know the key that this one comes for.
    """
    statement = text(
        """
        SELECT q.raw_frame_id, q.reason, f.frame, f.received_at
        FROM quarantine q JOIN raw_frame f ON f.id = q.raw_frame_id
        WHERE q.resolved_at IS NULL AND q.raw_frame_id > :after
            AND (CAST(:reason AS text) IS NULL OR q.reason = :reason)
            AND (CAST(:meter_id AS integer) IS NULL OR (q.manufacturer, q.serial) =
                 (SELECT m.manufacturer, m.serial FROM meter m WHERE m.id = :meter_id)
                 OR q.candidates @> (SELECT ARRAY[m.manufacturer || m.serial] FROM meter m WHERE m.id = :meter_id))
        ORDER BY q.raw_frame_id LIMIT :limit FOR UPDATE OF q
        """
    )
    values = {"after": after_id, "reason": reason, "meter_id": meter_id, "limit": limit}
    return connection.execute(statement, values).all()


def resolve_holds(connection: Connection, ids: Sequence[int]) -> None:
    """Take frames out of quarantine: they were read."""
    connection.execute(
        text(
            "UPDATE quarantine SET resolved_at = now(), tried_at = now(), tries = tries + 1 "
            "WHERE raw_frame_id = ANY(:ids)"
        ),
        {"ids": list(ids)},
    )


def keep_holds(connection: Connection, holds: Sequence[NewHold]) -> None:
    """Note that frames were tried again in vain, with the reason of today."""
    statement = text(
        """
        UPDATE quarantine q SET reason = new.reason, detail = new.detail, tried_at = now(), tries = q.tries + 1
        FROM unnest(CAST(:id AS bigint[]), CAST(:reason AS text[]), CAST(:detail AS text[]))
            AS new (id, reason, detail)
        WHERE q.raw_frame_id = new.id
        """
    )
    connection.execute(
        statement,
        {
            "id": [hold.raw_frame_id for hold in holds],
            "reason": [hold.reason for hold in holds],
            "detail": [hold.detail[:1000] for hold in holds],
        },
    )


def held_parts(
    connection: Connection, reason: str, meters: Iterable[tuple[str, str]], since: datetime, until: datetime
) -> Sequence[AnyRow]:
    """Return the frames of meters (manufacturer, serial) that wait for a reason and were heard in a span."""
    statement = text(
        """
        SELECT q.manufacturer, q.serial, q.raw_frame_id, f.frame, f.received_at
        FROM quarantine q
        JOIN unnest(CAST(:manufacturers AS text[]), CAST(:serials AS text[])) AS w (manufacturer, serial)
            USING (manufacturer, serial)
        JOIN raw_frame f ON f.id = q.raw_frame_id
        WHERE q.resolved_at IS NULL AND q.reason = :reason AND f.received_at BETWEEN :since AND :until
        ORDER BY q.manufacturer, q.serial, f.received_at, f.id
        """
    )
    pairs = sorted(meters)
    values = {
        "reason": reason,
        "since": since,
        "until": until,
        "manufacturers": arrays.texts(pair[0] for pair in pairs),
        "serials": arrays.texts(pair[1] for pair in pairs),
    }
    return connection.execute(statement, values).all()
