"""Queries of ingest: everything for a whole batch at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from meterhub.ingest.dedupe import Known
from meterhub.kit import arrays

# Held while a batch compares itself with what is stored and adds to it: two gateways that heard the same
# transmission must not both find that it is new. Decryption and decoding happen before, outside.
_DEDUPE_LOCK = 7_231_001


class NewFrame(NamedTuple):
    """A transmission to store."""

    fingerprint: int
    received_at: datetime
    rssi_dbm: int | None
    link_mode: str | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class HeardAgain:
    """A further reception of a stored transmission."""

    raw_frame_id: int
    received_at: datetime
    rssi_dbm: int | None


def lock(connection: Connection) -> None:
    """Wait until no other batch is being stored; held to the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DEDUPE_LOCK})


class View(NamedTuple):
    """What a look at the database saw: which transactions, how many layouts, and the newest raw frame.

    Ids of raw frames are given under the lock, so whatever is committed later has a larger one.
    """

    snapshot: str
    formats: int
    newest_frame: int


def look(connection: Connection) -> View:
    """Return what can be seen now."""
    statement = text(
        """
        SELECT CAST(pg_current_snapshot() AS text), (SELECT count(*) FROM frame_format),
               (SELECT coalesce(max(id), 0) FROM raw_frame)
        """
    )
    return View(*connection.execute(statement).one())


def causes_since(connection: Connection, view: View) -> bool:
    """Tell whether a meter, a key or a layout was committed after a look."""
    statement = text(
        """
        SELECT (SELECT count(*) FROM frame_format) <> :formats OR EXISTS (
            SELECT FROM registry_change
            WHERE xid >= CAST(CAST(pg_snapshot_xmin(CAST(:snapshot AS pg_snapshot)) AS text) AS bigint)
                AND NOT pg_visible_in_snapshot(CAST(CAST(xid AS text) AS xid8), CAST(:snapshot AS pg_snapshot)))
        """
    )
    values = {"formats": view.formats, "snapshot": view.snapshot}
    return bool(connection.execute(statement, values).scalar_one())


def known_transmissions(
    connection: Connection, fingerprints: Collection[int], since: datetime, until: datetime
) -> list[tuple[int, Known]]:
    """Return stored transmissions with these fingerprints that were heard in a span, both ends included."""
    statement = text(
        """
        SELECT f.fingerprint, f.id, f.gateway_id, f.received_at
        FROM unnest(CAST(:fingerprints AS bigint[])) AS wanted (fingerprint)
        JOIN raw_frame f USING (fingerprint)
        WHERE f.received_at BETWEEN :since AND :until
        """
    )
    values = {"fingerprints": arrays.integers(fingerprints), "since": since, "until": until}
    return [(row[0], Known(row[1], row[2], row[3])) for row in connection.execute(statement, values)]


def transmissions_since(
    connection: Connection, newest_known: int, fingerprints: Collection[int]
) -> list[tuple[int, Known]]:
    """Return transmissions with these fingerprints that were committed after a raw frame."""
    statement = text(
        """
        SELECT f.fingerprint, f.id, f.gateway_id, f.received_at FROM raw_frame f
        WHERE f.id > :newest AND f.fingerprint = ANY(CAST(:fingerprints AS bigint[]))
        """
    )
    values = {"newest": newest_known, "fingerprints": arrays.integers(fingerprints)}
    return [(row[0], Known(row[1], row[2], row[3])) for row in connection.execute(statement, values)]


def reserve_ids(connection: Connection, count: int) -> int:
    """Return the first of so many new ids of raw frames, one after the other; the caller holds `lock`."""
    statement = text(
        """
        SELECT min(id), max(id) FROM (
            SELECT nextval(pg_get_serial_sequence('raw_frame', 'id')) AS id FROM generate_series(1, :count)
        ) reserved
        """
    )
    first, last = connection.execute(statement, {"count": count}).one()
    if last - first != count - 1:
        raise RuntimeError("somebody takes ids of raw frames without holding the lock")
    return int(first)


class FrameColumns(NamedTuple):
    """Transmissions as arrays, ready to be stored: made before the lock is taken."""

    size: int
    arrays: Mapping[str, str]


def frame_columns(frames: Sequence[NewFrame]) -> FrameColumns:
    """Return transmissions as arrays."""
    return FrameColumns(
        len(frames),
        {
            "fingerprint": arrays.integers(frame.fingerprint for frame in frames),
            "received_at": arrays.instants(frame.received_at for frame in frames),
            "rssi_dbm": arrays.integers(frame.rssi_dbm for frame in frames),
            "link_mode": arrays.texts(frame.link_mode for frame in frames),
            "frame": arrays.binaries(frame.raw for frame in frames),
        },
    )


def store_frames(connection: Connection, gateway_id: int, columns: FrameColumns) -> int:
    """Store transmissions under new ids in their order; return the first."""
    first = reserve_ids(connection, columns.size)
    statement = text(
        """
        INSERT INTO raw_frame (id, fingerprint, received_at, gateway_id, rssi_dbm, link_mode, frame)
        OVERRIDING SYSTEM VALUE
        SELECT :first + number - 1, fingerprint, received_at, :gateway_id, rssi_dbm, link_mode, frame
        FROM unnest(CAST(:fingerprint AS bigint[]), CAST(:received_at AS timestamptz[]),
                    CAST(:rssi_dbm AS smallint[]), CAST(:link_mode AS text[]), CAST(:frame AS bytea[]))
            WITH ORDINALITY AS new (fingerprint, received_at, rssi_dbm, link_mode, frame, number)
        """
    )
    connection.execute(statement, {"gateway_id": gateway_id, "first": first, **columns.arrays})
    return first


def store_heard(connection: Connection, gateway_id: int, heard: Iterable[HeardAgain]) -> None:
    """Note that this gateway heard stored transmissions too; asking twice changes nothing.

    The caller holds `lock`, so no other batch notes the same reception meanwhile.
    """
    rows = list(heard)
    statement = text(
        """
        INSERT INTO frame_heard (raw_frame_id, gateway_id, received_at, rssi_dbm)
        SELECT raw_frame_id, :gateway_id, received_at, rssi_dbm
        FROM unnest(CAST(:raw_frame_id AS bigint[]), CAST(:received_at AS timestamptz[]),
                    CAST(:rssi_dbm AS smallint[])) AS new (raw_frame_id, received_at, rssi_dbm)
        WHERE NOT EXISTS (SELECT FROM frame_heard h
                          WHERE h.raw_frame_id = new.raw_frame_id AND h.gateway_id = :gateway_id)
        """
    )
    connection.execute(
        statement,
        {
            "gateway_id": gateway_id,
            "raw_frame_id": arrays.integers(row.raw_frame_id for row in rows),
            "received_at": arrays.instants(row.received_at for row in rows),
            "rssi_dbm": arrays.integers(row.rssi_dbm for row in rows),
        },
    )


def count_day(connection: Connection, gateway_id: int, day: date, counts: dict[str, int]) -> None:
    """Add to what a gateway delivered on a day."""
    statement = text(
        """
        INSERT INTO gateway_day AS old
            (gateway_id, day, received, accepted, duplicates, quarantined, rejected)
        VALUES (:gateway_id, :day, :received, :accepted, :duplicates, :quarantined, :rejected)
        ON CONFLICT (gateway_id, day) DO UPDATE SET
            received = old.received + excluded.received, accepted = old.accepted + excluded.accepted,
            duplicates = old.duplicates + excluded.duplicates,
            quarantined = old.quarantined + excluded.quarantined,
            rejected = old.rejected + excluded.rejected
        """
    )
    connection.execute(statement, {"gateway_id": gateway_id, "day": day, **counts})


def load_formats(connection: Connection) -> dict[int, bytes]:
    """Return the learned layouts of full frames by signature."""
    rows = connection.execute(text("SELECT signature, format FROM frame_format"))
    return {row.signature: bytes(row.format) for row in rows}


def store_formats(connection: Connection, formats: Mapping[int, bytes]) -> None:
    """Keep newly learned layouts."""
    statement = text(
        """
        INSERT INTO frame_format (signature, format)
        SELECT * FROM unnest(CAST(:signature AS integer[]), CAST(:format AS bytea[])) ON CONFLICT DO NOTHING
        """
    )
    connection.execute(statement, {"signature": list(formats), "format": list(formats.values())})
