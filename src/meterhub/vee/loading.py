"""Load the windows of some meters, each kind of row in one query for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.kit.arrays import instants, integers
from meterhub.kit.db import AnyRow
from meterhub.vee.prepare import prepare
from meterhub.vee.window import Day, Hour, Installed, Read, Window

# Before what changed: enough to see where a clock or a repeated value began.
CONTEXT = timedelta(hours=3)
# With so many reads before that, however old.
READS_BEFORE = 3
DAYS_BEFORE = timedelta(days=63)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A meter's window, and at which points it hung."""

    meter_id: int
    window: Window
    points: Sequence[tuple[Installed, int]]

    def point_at(self, at_s: int) -> int | None:
        """Return the id of the metering point at which the meter hung at an instant."""
        here = (
            point
            for place, point in self.points
            if place.from_s <= at_s and (place.until_s is None or at_s <= place.until_s)
        )
        return next(here, None)


# The meter's clock is read as local time (in the hour that comes twice in autumn as its first and second pass), as
# standard time all year and as UTC: the one that fits best counts.
_READS = text(
    f"""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:ids AS integer[]), CAST(:since AS timestamptz[])) AS w (meter_id, since)
    ),
    seen AS (
        SELECT w.meter_id, r.id, r.at, r.volume_ml, r.source, r.meter_at, r.meter_at AT TIME ZONE :zone AS local_at
        FROM wanted w CROSS JOIN LATERAL (
            SELECT * FROM counted_read r WHERE r.meter_id = w.meter_id AND r.at >= w.since AND r.at <= :now
            UNION ALL
            (SELECT * FROM counted_read r WHERE r.meter_id = w.meter_id AND r.at < w.since
             ORDER BY r.at DESC, r.id DESC LIMIT {READS_BEFORE})
        ) r
    )
    SELECT meter_id, array_agg(id ORDER BY at, id) AS ids,
           array_agg(floor(date_part('epoch', at))::bigint ORDER BY at, id) AS at_s,
           array_agg(volume_ml ORDER BY at, id) AS volumes, array_agg(source ORDER BY at, id) AS sources,
           CASE WHEN count(meter_at) > 0 THEN array_agg(ARRAY[
               date_part('epoch', local_at - at),
               date_part('epoch', local_at - at)
                   - CASE WHEN (local_at - interval '1 hour') AT TIME ZONE :zone = meter_at THEN 3600 ELSE 0 END,
               date_part('epoch', meter_at AT TIME ZONE 'UTC' - at) - :standard_s,
               date_part('epoch', meter_at AT TIME ZONE 'UTC' - at)
           ]::bigint[] ORDER BY at, id) END AS clocks
    FROM seen GROUP BY meter_id
    """  # noqa: S608 - a constant of ours
)
_PLACES = text(
    """
    SELECT i.meter_id, i.metering_point_id, floor(date_part('epoch', lower(i.valid)))::bigint AS from_s,
           floor(date_part('epoch', upper(i.valid)))::bigint AS until_s
    FROM installation i WHERE i.meter_id = ANY(CAST(:ids AS integer[])) ORDER BY i.valid
    """
)
_DIGITS = text("SELECT id, digits FROM meter WHERE id = ANY(CAST(:ids AS integer[]))")
_HOURS = text(
    """
    SELECT w.meter_id, array_agg(floor(date_part('epoch', h.hour))::bigint ORDER BY h.hour) AS at_s,
           array_agg(h.volume_ml ORDER BY h.hour) AS volumes, array_agg(h.quality ORDER BY h.hour) AS qualities
    FROM unnest(CAST(:ids AS integer[]), CAST(:since AS timestamptz[])) AS w (meter_id, since)
    CROSS JOIN LATERAL (
        SELECT * FROM hourly(w.since, :now) v WHERE v.meter_id = w.meter_id OFFSET 0
    ) h
    GROUP BY w.meter_id
    """
)
_DAYS = text(
    """
    SELECT d.meter_id, array_agg(floor(date_part('epoch', d.start_at))::bigint ORDER BY d.start_at) AS start_s,
           array_agg((d.start_at AT TIME ZONE :zone)::date ORDER BY d.start_at) AS days,
           array_agg(d.volume_ml ORDER BY d.start_at) AS volumes, array_agg(d.hours ORDER BY d.start_at) AS hours
    FROM daily(:zone, :first, :now) d WHERE d.meter_id = ANY(CAST(:ids AS integer[])) GROUP BY d.meter_id
    """
)


def load(
    connection: Connection, from_at: Mapping[int, datetime], now: datetime, zone: str, *, with_hours: bool
) -> list[Loaded]:
    """Return the windows of meters from an instant each to now; hours and days for the nightly rules only."""
    ids = sorted(from_at)
    since = {meter_id: from_at[meter_id] - CONTEXT for meter_id in ids}
    values = {
        "ids": integers(ids),
        "since": instants(since[meter_id] for meter_id in ids),
        "now": now,
        "zone": zone,
        "standard_s": _standard_offset_s(now, zone),
    }
    reads = {row.meter_id: _reads(row) for row in connection.execute(_READS, values)}
    places: dict[int, list[tuple[Installed, int]]] = defaultdict(list)
    for row in connection.execute(_PLACES, values):
        places[row.meter_id].append((Installed(row.from_s, row.until_s), row.metering_point_id))
    digits = {row.id: row.digits for row in connection.execute(_DIGITS, values)}
    hours: dict[int, list[Hour]] = {}
    days: dict[int, list[Day]] = {}
    if with_hours:
        for row in connection.execute(_HOURS, values):
            hours[row.meter_id] = list(map(Hour, row.at_s, row.volumes, row.qualities))
        first = min(from_at.values()) - DAYS_BEFORE
        for row in connection.execute(_DAYS, values | {"first": first}):
            days[row.meter_id] = list(map(Day, row.days, row.start_s, row.volumes, row.hours))
    return [
        Loaded(
            meter_id,
            prepare(
                reads.get(meter_id, []),
                from_s=int(from_at[meter_id].timestamp()),
                until_s=int(now.timestamp()),
                digits=digits[meter_id],
                hours=hours.get(meter_id, []),
                days=days.get(meter_id, []),
                installed=[place for place, _ in places[meter_id]],
            ),
            places[meter_id],
        )
        for meter_id in ids
        if meter_id in digits
    ]


def _reads(row: AnyRow) -> list[Read]:
    clocks = row.clocks or [None] * len(row.ids)
    return [
        Read(at_s, volume, source, _clock(clock), id_)
        for id_, at_s, volume, source, clock in zip(
            row.ids, row.at_s, row.volumes, row.sources, clocks, strict=True
        )
    ]


def _clock(offsets: Sequence[int | None] | None) -> int | None:
    if offsets is None or offsets[0] is None:
        return None
    return min((offset for offset in offsets if offset is not None), key=abs)


def _standard_offset_s(now: datetime, zone: str) -> int:
    """Return the zone's offset outside of summer time [s]."""
    year = now.astimezone(UTC).year
    offsets = [datetime(year, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7)]
    return min(int(offset.total_seconds()) for offset in offsets if offset is not None)
