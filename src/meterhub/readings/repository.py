"""Queries on reads and consumption."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, text

from meterhub.kit import arrays
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import floor_hour


class Source(StrEnum):
    """Where a read comes from, best evidence last to first as in billing."""

    AMR = "amr"
    INSTALLATION = "installation"
    REMOVAL = "removal"
    UTILITY = "utility"
    CUSTOMER = "customer"


class NewRead(NamedTuple):
    """A read to store; `at` is when the collector heard it or a person took it (aware UTC)."""

    meter_id: int
    at: datetime
    volume_ml: int
    source: Source = Source.AMR
    alarms: tuple[str, ...] = ()
    meter_at: datetime | None = None
    raw_frame_id: int | None = None


_STORE = text(
    """
    INSERT INTO register_read (meter_id, at, volume_ml, source, alarms, meter_at, raw_frame_id)
    SELECT meter_id, at, volume_ml, source, string_to_array(alarms, ','), meter_at, raw_frame_id
    FROM unnest(
        CAST(:meter_id AS integer[]), CAST(:at AS timestamptz[]), CAST(:volume_ml AS bigint[]),
        CAST(:source AS text[]), CAST(:alarms AS text[]), CAST(:meter_at AS timestamp[]),
        CAST(:raw_frame_id AS bigint[])
    ) AS new (meter_id, at, volume_ml, source, alarms, meter_at, raw_frame_id)
    """
)

# In order of meter, so that two transactions that touch the same meters wait instead of deadlocking.
_NOTE_DUE = text(
    """
    INSERT INTO rollup_due (meter_id, from_at, until_at, vanishing)
    SELECT meter_id, min(at), max(at), :vanishing
    FROM unnest(CAST(:meter_id AS integer[]), CAST(:at AS timestamptz[])) AS new (meter_id, at)
    GROUP BY meter_id ORDER BY meter_id
    ON CONFLICT (meter_id) DO UPDATE
        SET from_at = least(rollup_due.from_at, excluded.from_at),
            until_at = greatest(rollup_due.until_at, excluded.until_at),
            vanishing = rollup_due.vanishing OR excluded.vanishing
    """
)
# Reads at which a meter was put in or taken out: nothing is interpolated across them.
EXCHANGE = frozenset({Source.INSTALLATION, Source.REMOVAL})


def store_reads(connection: Connection, reads: Sequence[NewRead]) -> None:
    """Store reads in bulk and note what has to be rolled up again."""
    if not reads:
        return
    meter_ids = arrays.integers(read.meter_id for read in reads)
    times = arrays.instants(read.at for read in reads)
    connection.execute(
        _STORE,
        {
            "meter_id": meter_ids,
            "at": times,
            "volume_ml": arrays.integers(read.volume_ml for read in reads),
            "source": arrays.texts(read.source for read in reads),
            "alarms": arrays.texts(",".join(read.alarms) for read in reads),
            "meter_at": arrays.instants(read.meter_at for read in reads),
            "raw_frame_id": arrays.integers(read.raw_frame_id for read in reads),
        },
    )
    connection.execute(_NOTE_DUE, {"meter_id": meter_ids, "at": times, "vanishing": False})
    for read in reads:
        if read.source in EXCHANGE:
            note_due(connection, read.meter_id, floor_hour(read.at), read.at, vanishing=True)


def note_due(
    connection: Connection, meter_id: int, from_at: datetime, until_at: datetime, *, vanishing: bool
) -> None:
    """Have the hours around a span derived again; `vanishing` if some may no longer follow from reads."""
    values = {
        "meter_id": arrays.integers([meter_id] * 2),
        "at": arrays.instants([from_at, until_at]),
        "vanishing": vanishing,
    }
    connection.execute(_NOTE_DUE, values)


# The hour in which a meter comes to a point belongs there as well, unless it began at another point.
BELONGS = """(i.valid @> h.hour OR (
    lower(i.valid) > h.hour AND lower(i.valid) < h.hour + interval '1 hour'
    AND NOT EXISTS (SELECT FROM installation other WHERE other.meter_id = i.meter_id AND other.valid @> h.hour)
))"""
# The hours of a point, whichever meter hung there; times of day and months in the utility's zone.
_CONSUMPTION = """
    SELECT {bucket} AS start, sum(h.volume_ml)::bigint AS volume_ml, max(h.quality) AS quality,
           count(DISTINCT h.hour)::int AS hours,
           count(DISTINCT h.hour) FILTER (WHERE h.quality = 1)::int AS measured,
           count(DISTINCT h.hour) FILTER (WHERE h.quality = 2)::int AS interpolated,
           count(DISTINCT h.hour) FILTER (WHERE h.quality = 3)::int AS estimated,
           count(DISTINCT h.hour) FILTER (WHERE h.quality = 4)::int AS edited
    FROM installation i
    JOIN hourly(:since, :until) h ON h.meter_id = i.meter_id AND {belongs}
    WHERE i.metering_point_id = :point_id
    GROUP BY 1 ORDER BY 1
"""

_BUCKETS = {
    "hour": "h.hour",
    "day": "date_trunc('day', h.hour, :zone)",
    "month": "date_trunc('month', h.hour, :zone)",
}


def consumption(
    connection: Connection, point_id: int, since: datetime, until: datetime, *, resolution: str, zone: str
) -> Sequence[AnyRow]:
    """Return `(start, volume_ml, quality, hours)` of each hour, day or month of a metering point."""
    statement = text(_CONSUMPTION.format(bucket=_BUCKETS[resolution], belongs=BELONGS))
    return connection.execute(
        statement, {"point_id": point_id, "since": since, "until": until, "zone": zone}
    ).all()


def town_hours(connection: Connection, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return `(hour, volume_ml, meters)` of all meters together."""
    statement = text(
        """
        SELECT hour, sum(volume_ml)::bigint AS volume_ml, count(*)::int AS meters FROM hourly(:since, :until)
        GROUP BY hour ORDER BY hour
        """
    )
    return connection.execute(statement, {"since": since, "until": until}).all()


def reads_of_point(
    connection: Connection, point_id: int, since: datetime, until: datetime, *, after_id: int, limit: int
) -> Sequence[AnyRow]:
    """Return register reads of a metering point in order of arrival."""
    statement = text(
        """
        SELECT r.id, m.manufacturer, m.serial, r.at, r.volume_ml, r.source, r.alarms, r.meter_at,
            EXISTS (SELECT FROM read_set_aside a WHERE a.meter_id = r.meter_id AND a.read_id = r.id) AS set_aside
        FROM installation i
        JOIN register_read r ON r.meter_id = i.meter_id AND i.valid @> r.at
        JOIN meter m ON m.id = i.meter_id
        WHERE i.metering_point_id = :point_id AND r.at >= :since AND r.at < :until AND r.id > :after
        ORDER BY r.id LIMIT :limit
        """
    )
    values = {"point_id": point_id, "since": since, "until": until, "after": after_id, "limit": limit}
    return connection.execute(statement, values).all()


def point_id(connection: Connection, point_code: str) -> int | None:
    """Return the id of a metering point."""
    return connection.execute(
        text("SELECT id FROM metering_point WHERE point_code = :code"), {"code": point_code}
    ).scalar()


@dataclass(frozen=True, slots=True)
class InstalledMeter:
    """The meter at a point at an instant, and the register around that instant."""

    meter_id: int
    digits: int
    before_ml: int | None = field(default=None)
    after_ml: int | None = field(default=None)


def installed_meter(connection: Connection, point: int, at: datetime) -> InstalledMeter | None:
    """Return the meter that hung at a point at an instant, with its nearest registers."""
    statement = text(
        """
        SELECT i.meter_id, m.digits,
            (SELECT volume_ml FROM counted_read r WHERE r.meter_id = i.meter_id AND r.at <= :at
             ORDER BY r.at DESC, r.id DESC LIMIT 1) AS before_ml,
            (SELECT volume_ml FROM counted_read r WHERE r.meter_id = i.meter_id AND r.at > :at
             ORDER BY r.at, r.id DESC LIMIT 1) AS after_ml
        FROM installation i JOIN meter m ON m.id = i.meter_id
        WHERE i.metering_point_id = :point AND (i.valid @> :at OR upper(i.valid) = :at)
        ORDER BY upper(i.valid) = :at NULLS FIRST LIMIT 1
        """
    )
    row = connection.execute(statement, {"point": point, "at": at}).first()
    return InstalledMeter(row.meter_id, row.digits, row.before_ml, row.after_ml) if row else None


def read_before(connection: Connection, meter_id: int, at: datetime) -> AnyRow | None:
    """Return the last read of a meter before an instant."""
    statement = text(
        "SELECT at, volume_ml FROM counted_read WHERE meter_id = :meter_id AND at < :at "
        "ORDER BY at DESC, id DESC LIMIT 1"
    )
    return connection.execute(statement, {"meter_id": meter_id, "at": at}).first()


def usual_a_day(connection: Connection, meter_id: int, at: datetime) -> int | None:
    """Return what a meter passed a day in the eight weeks before [ml]; None if less than a week is known."""
    statement = text(
        "SELECT 24 * sum(volume_ml) / count(*) FROM hourly(:since, :at) WHERE meter_id = :meter_id "
        "HAVING count(*) >= 168"
    )
    values = {"meter_id": meter_id, "since": at - timedelta(weeks=8), "at": at}
    usual = connection.execute(statement, values).scalar()
    return None if usual is None else int(usual)
