"""What a read stands on and what stands on it, as it is stored now."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow

# Around a read of a month the reads before and after are near; those of a silent meter may be far.
_READ = text(
    """
    SELECT r.id, r.meter_id, r.at, r.volume_ml, r.source, r.alarms, r.meter_at, r.raw_frame_id, m.manufacturer,
           m.serial, m.model, m.digits, m.device_version, m.device_type, p.point_code,
           EXISTS (SELECT FROM read_set_aside s WHERE s.read_id = r.id AND s.meter_id = r.meter_id) AS set_aside
    FROM register_read r
    JOIN meter m ON m.id = r.meter_id
    LEFT JOIN installation i ON i.meter_id = r.meter_id AND i.valid @> r.at
    LEFT JOIN metering_point p ON p.id = i.metering_point_id
    WHERE r.id = :id
    """
)
_FRAME = text(
    "SELECT f.id, f.fingerprint, f.received_at, f.ingested_at, f.frame, f.rssi_dbm, f.link_mode, "
    "g.name AS gateway FROM raw_frame f JOIN gateway g ON g.id = f.gateway_id WHERE f.id = :id"
)
_HEARD = text(
    "SELECT g.name AS gateway, h.received_at, h.rssi_dbm FROM frame_heard h JOIN gateway g ON g.id = h.gateway_id "
    "WHERE h.raw_frame_id = :id AND h.received_at BETWEEN :since AND :until ORDER BY h.received_at"
)
_TWINS = text(
    "SELECT id FROM raw_frame WHERE fingerprint = :fingerprint AND id <> :id "
    "AND received_at BETWEEN :since AND :until ORDER BY id"
)
_NEIGHBOURS = text(
    """
    (SELECT id, at, volume_ml FROM counted_read WHERE meter_id = :meter AND at < :at ORDER BY at DESC LIMIT 1)
    UNION ALL
    (SELECT id, at, volume_ml FROM counted_read WHERE meter_id = :meter AND at > :at ORDER BY at LIMIT 1)
    ORDER BY at
    """
)
_KEYS = text("SELECT id, created_at FROM meter_key WHERE meter_id = :meter ORDER BY id DESC")
_HOURS = text(
    "SELECT hour, volume_ml, quality FROM hourly(:since, :until) WHERE meter_id = :meter "
    "ORDER BY hour LIMIT :limit"
)
# A bill names the reads that it rests on in its snapshot.
_INVOICES = text(
    """
    SELECT i.number FROM invoice i JOIN contract c ON c.id = i.contract_id
    JOIN installation n ON n.metering_point_id = c.metering_point_id AND n.meter_id = :meter
    WHERE jsonb_path_exists(i.snapshot, '$.installations[*].reads[*].reads[*] ? (@.id == $id)',
                            jsonb_build_object('id', CAST(:id AS bigint)))
    GROUP BY i.id ORDER BY i.id
    """
)
_FINDINGS = text(
    "SELECT rule, severity, state, started_at, ended_at FROM finding "
    "WHERE meter_id = :meter AND started_at <= :at AND ended_at >= :at ORDER BY started_at LIMIT 20"
)
HOURS_SHOWN = 200


def read(connection: Connection, read_id: int) -> AnyRow | None:
    """Return a read with its meter and point."""
    return connection.execute(_READ, {"id": read_id}).first()


def frame(connection: Connection, frame_id: int) -> AnyRow | None:
    """Return a frame as it was heard first; None once its retention has ended."""
    return connection.execute(_FRAME, {"id": frame_id}).first()


def heard_again(connection: Connection, frame_id: int, at: datetime, window: timedelta) -> Sequence[AnyRow]:
    """Return further receptions of a transmission."""
    values = {"id": frame_id, "since": at - window, "until": at + window}
    return connection.execute(_HEARD, values).all()


def twins(connection: Connection, stored: AnyRow, window: timedelta) -> Sequence[int]:
    """Return other frames with the same content that were heard at about the same time."""
    values = {
        "fingerprint": stored.fingerprint,
        "id": stored.id,
        "since": stored.received_at - window,
        "until": stored.received_at + window,
    }
    return connection.execute(_TWINS, values).scalars().all()


def neighbours(connection: Connection, meter_id: int, at: datetime) -> Sequence[AnyRow]:
    """Return the reads before and after, of those that count."""
    return connection.execute(_NEIGHBOURS, {"meter": meter_id, "at": at}).all()


def keys(connection: Connection, meter_id: int) -> Sequence[AnyRow]:
    """Return number and time of a meter's keys, newest first, in the order in which they are tried."""
    return connection.execute(_KEYS, {"meter": meter_id}).all()


def hours(connection: Connection, meter_id: int, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return the hours of a meter in a span, at most `HOURS_SHOWN`."""
    values = {"meter": meter_id, "since": since, "until": until, "limit": HOURS_SHOWN}
    return connection.execute(_HOURS, values).all()


def invoices(connection: Connection, meter_id: int, read_id: int) -> Sequence[str]:
    """Return the numbers of the documents whose registers come from a read."""
    return connection.execute(_INVOICES, {"meter": meter_id, "id": read_id}).scalars().all()


def findings(connection: Connection, meter_id: int, at: datetime) -> Sequence[AnyRow]:
    """Return what validation found of a meter at an instant."""
    if connection.execute(text("SELECT to_regclass('finding') IS NULL")).scalar_one():
        return []
    return connection.execute(_FINDINGS, {"meter": meter_id, "at": at}).all()
