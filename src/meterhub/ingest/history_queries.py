"""Queries on registers of the past: whose telegrams to look at, what is known around an instant, what to fill."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.ingest.history import Around, PastRegister
from meterhub.kit import arrays
from meterhub.kit.db import AnyRow

# Two jobs at the same time would look at the same meters.
_HISTORY_LOCK = 7_231_004

# The newest read that counts, with its frame; a register of the past is not heard at its own time.
_NEWEST = text(
    """
    WITH waiting AS MATERIALIZED (
        SELECT m.id, m.digits, l.raw_frame_id AS looked_at, coalesce(l.examined, '{}') AS examined
        FROM meter m LEFT JOIN history_look l ON l.meter_id = m.id
        WHERE m.id > :after AND CASE WHEN CAST(:meter_id AS integer) IS NULL
            THEN l.again_at IS NULL OR l.again_at <= :now ELSE m.id = :meter_id END
        ORDER BY m.id LIMIT :limit
    )
    SELECT w.id AS meter_id, w.digits, w.looked_at, w.examined, f.id AS raw_frame_id, f.received_at, f.frame
    FROM waiting w
    LEFT JOIN LATERAL (
        SELECT r.at, r.raw_frame_id FROM counted_read r
        WHERE r.meter_id = w.id AND r.source = 'amr' AND r.at >= :since AND r.raw_frame_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM historic_read h WHERE h.meter_id = r.meter_id AND h.at = r.at)
        ORDER BY r.at DESC, r.id DESC LIMIT 1
    ) r ON true
    LEFT JOIN raw_frame f ON f.id = r.raw_frame_id AND f.received_at = r.at
    ORDER BY w.id
    """
)
_AROUND = text(
    """
    SELECT w.meter_id, w.at, b.at AS before_at, b.volume_ml AS before_ml, a.at AS after_at,
           a.volume_ml AS after_ml, lower(i.valid) AS installed_at
    FROM unnest(CAST(:meter_ids AS integer[]), CAST(:times AS timestamptz[])) AS w (meter_id, at)
    JOIN installation i ON i.meter_id = w.meter_id AND i.valid @> w.at
    LEFT JOIN LATERAL (
        SELECT r.at, r.volume_ml FROM counted_read r
        WHERE r.meter_id = w.meter_id AND r.at <= w.at ORDER BY r.at DESC, r.id DESC LIMIT 1
    ) b ON true
    LEFT JOIN LATERAL (
        SELECT r.at, r.volume_ml FROM counted_read r
        WHERE r.meter_id = w.meter_id AND r.at > w.at ORDER BY r.at, r.id DESC LIMIT 1
    ) a ON true
    """
)
_CLAIM = text(
    """
    INSERT INTO historic_read (meter_id, at, raw_frame_id, reading)
    SELECT * FROM unnest(CAST(:meter_ids AS integer[]), CAST(:times AS timestamptz[]),
                         CAST(:frames AS bigint[]), CAST(:readings AS text[]))
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING RETURNING meter_id, at
    """
)
_NOTE_LOOKS = text(
    """
    INSERT INTO history_look (meter_id, raw_frame_id, again_at, examined)
    SELECT meter_id, raw_frame_id, again_at, CAST(examined AS timestamptz[])
    FROM unnest(CAST(:meter_ids AS integer[]), CAST(:frames AS bigint[]), CAST(:again AS timestamptz[]),
                CAST(:examined AS text[])) AS new (meter_id, raw_frame_id, again_at, examined)
    ON CONFLICT (meter_id) DO UPDATE SET raw_frame_id = excluded.raw_frame_id, again_at = excluded.again_at,
        examined = excluded.examined
    """
)


def lock(connection: Connection) -> None:
    """Wait until no other job looks for registers of the past; held to the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _HISTORY_LOCK})


def newest_frames(
    connection: Connection, after: int, now: datetime, since: datetime, *, meter_id: int | None, limit: int
) -> Sequence[AnyRow]:
    """Return meters that are due, in order, each with the newest frame since an instant that became a read."""
    values = {"after": after, "now": now, "since": since, "meter_id": meter_id, "limit": limit}
    return connection.execute(_NEWEST, values).all()


def around(
    connection: Connection, wanted: Mapping[int, Sequence[PastRegister]]
) -> dict[int, dict[datetime, Around]]:
    """Return by meter and instant what is known around it; nothing where the meter hung nowhere."""
    pairs = [(meter_id, one.at) for meter_id, registers in wanted.items() for one in registers]
    values = {
        "meter_ids": arrays.integers(meter_id for meter_id, _ in pairs),
        "times": arrays.instants(at for _, at in pairs),
    }
    found: dict[int, dict[datetime, Around]] = {}
    for row in connection.execute(_AROUND, values):
        found.setdefault(row.meter_id, {})[row.at] = Around(
            None if row.before_at is None else (row.before_at, row.before_ml),
            None if row.after_at is None else (row.after_at, row.after_ml),
            row.installed_at,
        )
    return found


def claim(connection: Connection, filled: Iterable[tuple[int, int, PastRegister]]) -> set[tuple[int, datetime]]:
    """Note meter, frame and register of what becomes a read; return those that had not become one before."""
    rows = list(filled)
    values = {
        "meter_ids": arrays.integers(meter_id for meter_id, _, _ in rows),
        "times": arrays.instants(one.at for _, _, one in rows),
        "frames": arrays.integers(frame_id for _, frame_id, _ in rows),
        "readings": arrays.texts(one.reading for _, _, one in rows),
    }
    return {(row.meter_id, row.at) for row in connection.execute(_CLAIM, values)}


def note_looks(
    connection: Connection, looks: Iterable[tuple[int, int | None, datetime, Iterable[datetime]]]
) -> None:
    """Note meters that were looked at: the frame, when to look again, the instants that need no second look."""
    rows = list(looks)
    values = {
        "meter_ids": arrays.integers(row[0] for row in rows),
        "frames": arrays.integers(row[1] for row in rows),
        "again": arrays.instants(row[2] for row in rows),
        "examined": arrays.texts(arrays.instants(row[3]) for row in rows),
    }
    connection.execute(_NOTE_LOOKS, values)


def register_told(connection: Connection, meter_id: int, at: datetime, raw_frame_id: int | None) -> str | None:
    """Return the name of the dated register that a read at an instant was taken from; None if from none."""
    statement = text(
        "SELECT reading FROM historic_read WHERE meter_id = :meter_id AND at = :at AND raw_frame_id = :frame"
    )
    values = {"meter_id": meter_id, "at": at, "frame": raw_frame_id}
    name: str | None = connection.execute(statement, values).scalar()
    return name
