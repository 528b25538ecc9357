"""What is exported: for each kind a query over some points and a span, in order of point and time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, text

from meterhub.kit import arrays
from meterhub.kit.db import AnyRow
from meterhub.kit.table_files import Column, Kind
from meterhub.readings.hourly import Quality
from meterhub.readings.repository import BELONGS


class What(StrEnum):
    """What can be exported."""

    HOURS = "hours"
    DAILY = "daily"
    READS = "reads"


_METER = (Column("point_code", Kind.TEXT), Column("manufacturer", Kind.TEXT), Column("serial", Kind.TEXT))

COLUMNS: dict[What, tuple[Column, ...]] = {
    What.HOURS: (
        *_METER,
        Column("hour_utc", Kind.INSTANT),
        Column("volume_m3", Kind.VOLUME),
        Column("quality", Kind.TEXT),
    ),
    What.DAILY: (
        Column("point_code", Kind.TEXT),
        Column("day", Kind.DAY),
        Column("start_utc", Kind.INSTANT),
        Column("volume_m3", Kind.VOLUME),
        Column("quality", Kind.TEXT),
        Column("hours", Kind.INTEGER),
    ),
    What.READS: (
        Column("read_id", Kind.INTEGER),
        *_METER,
        Column("at_utc", Kind.INSTANT),
        Column("register_m3", Kind.VOLUME),
        Column("source", Kind.TEXT),
        Column("alarms", Kind.TEXTS),
        Column("meter_at", Kind.LOCAL_TIME),
    ),
}

# Each installation is looked up by its meter's key: OFFSET 0 keeps the planner from reading whole months.
_INSTALLED = """
    FROM unnest(CAST(:points AS integer[])) AS wanted (id)
    JOIN metering_point p USING (id)
    JOIN installation i ON i.metering_point_id = p.id
        AND i.valid && tstzrange(CAST(:since AS timestamptz), CAST(:until AS timestamptz))
    JOIN meter m ON m.id = i.meter_id
"""
_NAMES_OF_QUALITIES = " ".join(f"WHEN {one.value} THEN '{one.name.lower()}'" for one in Quality)
_QUALITY = f"CASE {{}} {_NAMES_OF_QUALITIES} END"
_ZONE = "CAST(:zone AS text)"


def _day_of(start: str) -> str:
    """Return SQL for the range of instants of the local day that begins at `start`."""
    return f"tstzrange({start}, ({start} AT TIME ZONE {_ZONE} + interval '1 day') AT TIME ZONE {_ZONE})"


_QUERIES = {
    What.HOURS: text(
        f"""
        SELECT p.point_code, m.manufacturer, m.serial, h.hour, h.volume_ml, {_QUALITY.format("h.quality")}
        {_INSTALLED}
        CROSS JOIN LATERAL (SELECT * FROM hourly(:since, :until) v WHERE v.meter_id = i.meter_id OFFSET 0) h
        WHERE {BELONGS}
        ORDER BY p.point_code, h.hour
        """  # noqa: S608 - our own names
    ),
    # Whole days come from the store's sums, also where their hours have left by retention; the days of an
    # exchange, of which each meter has a part, from the hours.
    What.DAILY: text(
        f"""
        SELECT point_code, CAST(start_at AT TIME ZONE {_ZONE} AS date), start_at, sum(volume_ml)::bigint,
               {_QUALITY.format("max(quality)")}, sum(hours)::bigint
        FROM (
            SELECT p.point_code, d.start_at, d.volume_ml, d.quality, d.hours
            {_INSTALLED}
            CROSS JOIN LATERAL (
                SELECT * FROM daily({_ZONE}, :since, :until) v WHERE v.meter_id = i.meter_id OFFSET 0
            ) d
            WHERE i.valid @> {_day_of("d.start_at")}
            UNION ALL
            SELECT p.point_code, cut.start_at, h.volume_ml, h.quality, (i.valid @> h.hour)::int
            {_INSTALLED}
            CROSS JOIN LATERAL (
                SELECT DISTINCT date_trunc('day', bound, {_ZONE}) AS start_at
                FROM unnest(ARRAY[lower(i.valid), upper(i.valid)]) AS bound
                WHERE bound > '-infinity' AND bound < 'infinity'
            ) cut
            CROSS JOIN LATERAL (
                SELECT * FROM hourly(cut.start_at, upper({_day_of("cut.start_at")})) v
                WHERE v.meter_id = i.meter_id OFFSET 0
            ) h
            WHERE {BELONGS} AND cut.start_at >= :since AND cut.start_at < :until
                AND NOT i.valid @> {_day_of("cut.start_at")}
        ) AS part
        GROUP BY point_code, start_at
        ORDER BY point_code, start_at
        """  # noqa: S608 - our own names
    ),
    What.READS: text(
        f"""
        SELECT r.id, p.point_code, m.manufacturer, m.serial, r.at, r.volume_ml, r.source, r.alarms, r.meter_at
        {_INSTALLED}
        CROSS JOIN LATERAL (
            SELECT * FROM counted_read v
            WHERE v.meter_id = i.meter_id AND v.at >= :since AND v.at < :until OFFSET 0
        ) r
        WHERE i.valid @> r.at
        ORDER BY p.point_code, r.at, r.id
        """  # noqa: S608 - our own names
    ),
}
POINTS_A_STEP = 100
ROWS_A_PIECE = 20_000


def count_points(connection: Connection) -> int:
    """Return how many points there are."""
    return int(connection.execute(text("SELECT count(*) FROM metering_point")).scalar_one())


def find_points(connection: Connection, codes: Sequence[str]) -> dict[str, int]:
    """Return the ids of those points that exist."""
    query = text("SELECT point_code, id FROM metering_point WHERE point_code = ANY(:codes) ORDER BY point_code")
    return {row.point_code: row.id for row in connection.execute(query, {"codes": list(codes)})}


def steps_of_points(engine: Engine, chosen: Sequence[int] | None) -> Iterator[list[int]]:
    """Yield the ids of the points, some at a time, in order of their codes."""
    if chosen is not None:
        for start in range(0, len(chosen), POINTS_A_STEP):
            yield list(chosen[start : start + POINTS_A_STEP])
        return
    query = text(
        "SELECT id, point_code FROM metering_point WHERE point_code > :after ORDER BY point_code LIMIT :limit"
    )
    after = ""
    while True:
        with engine.connect() as connection:
            rows = connection.execute(query, {"after": after, "limit": POINTS_A_STEP}).all()
        if not rows:
            return
        yield [row.id for row in rows]
        after = rows[-1].point_code


def pieces(
    engine: Engine, what: What, points: Sequence[int], since: datetime, until: datetime, zone: str
) -> Iterator[Sequence[AnyRow]]:
    """Yield the rows of some points through a cursor on the server, a piece at a time."""
    values = {"points": arrays.integers(points), "since": since, "until": until, "zone": zone}
    if what is not What.DAILY:
        del values["zone"]
    with engine.connect().execution_options(stream_results=True, max_row_buffer=ROWS_A_PIECE) as connection:
        yield from connection.execute(_QUERIES[what], values).partitions(ROWS_A_PIECE)
