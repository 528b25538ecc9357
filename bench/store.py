"""What a sealed hourly value takes, and how quickly a large store answers, in both forms of the store.

`METERHUB_BENCH_METERS` makes the store smaller for a trial; the goals are for 10,000 meters and a year.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy import Connection, Engine, text
from tests.store.timescale import NoTimescale, timescale_server

from meterhub import schema
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.settings import Retention
from meterhub.store.months import make_months
from meterhub.store.policies import ensure
from meterhub.store.sealing import seal_months
from meterhub.store.zone import set_zone

METERS = int(os.environ.get("METERHUB_BENCH_METERS", "10000"))
FEW_METERS, FEW_HOURS = 400, 2000  # in WebAssembly: two whole chunks
NARROW_METERS = 200  # of the table with one row an hour that is compared
ZONE = "Europe/Helsinki"
START, END = "2025-01-01", "2026-01-01"  # local
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RUNS = 15
LIMITS = {"store-year-of-one-meter": 10.0, "store-month-of-daily-sums": 300.0}

# A household's hour in ml: little at night, up to some tens of litres by day, exact to the millilitre as
# interpolated registers are, so that columns compress no better than they would in use.
_VOLUME = "mod(hashint8(m * 1000003::bigint + d * 31 + {hour})::bigint & 1048575, {top})"
_TOPS = [1500 if hour < 5 else 30000 if hour in (6, 7, 18, 19, 20) else 15000 for hour in range(24)]
_HOURS = ", ".join(_VOLUME.format(hour=hour, top=top) for hour, top in enumerate(_TOPS))
# Days by arrival: all meters of one day, then the next.
_FILL = f"""
    INSERT INTO hourly_day (start_at, volume_ml, meter_id, hours, quality, volumes_ml)
    SELECT start_at, (SELECT sum(v) FROM unnest(volumes) v), m, hours, 2, volumes
    FROM (
        SELECT start_at, hours, m, (ARRAY[{_HOURS}, 700]::integer[])[1:hours] AS volumes
        FROM (
            SELECT d, day AT TIME ZONE '{ZONE}' AS start_at, (extract(epoch FROM
                (day + interval '1 day') AT TIME ZONE '{ZONE}' - day AT TIME ZONE '{ZONE}') / 3600)::int AS hours
            FROM generate_series(%(first)s::int, %(last)s::int) d
            CROSS JOIN LATERAL (SELECT timestamp '{START}' + d * interval '1 day') AS local (day)
        ) days CROSS JOIN generate_series(1, %(meters)s::int) m
    ) filled
"""
_FILL_NARROW = f"""
    INSERT INTO hourly_volume
    SELECT m, to_timestamp(482 * 3600000 + h * 3600),
           {_VOLUME.format(hour="h", top=f"(ARRAY{_TOPS})[h % 24 + 1]")}, 2
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) h, generate_series(1, CAST(:meters AS int)) m,
         (SELECT 0 AS d) one
    ORDER BY h, m
"""
# As arrays in one row: a row each would mostly measure how the client makes 8,760 tuples of times.
_YEAR_OF = (
    "SELECT array_agg(date_part('epoch', hour)::integer / 3600 ORDER BY hour), "
    "array_agg(volume_ml ORDER BY hour), array_agg(quality ORDER BY hour) FROM {hours} WHERE meter_id = %(meter)s"
)
_MONTH = (
    "SELECT meter_id, array_agg(volume_ml ORDER BY start_at) FROM daily('{zone}', '{start}', '{end}') "
    "WHERE meter_id BETWEEN 1 AND 10000 GROUP BY meter_id"
)


def run() -> Iterator[dict[str, object]]:
    """Yield bytes a value and milliseconds a query on plain PostgreSQL, then bytes on TimescaleDB."""
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres", durable=False) as server:
            yield from _plain(server.create_database())
    try:
        with timescale_server() as url:
            yield _timescale(url)
    except NoTimescale as why:
        yield {"bench": "store-bytes-timescaledb", "skipped": str(why)}


def _plain(url: str) -> Iterator[dict[str, object]]:
    engine = make_engine(url)
    schema.upgrade(engine)
    set_zone(engine, ZONE)
    start = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        _add_meters(connection, METERS)
        for earlier in (
            datetime(2024, 12, 1, tzinfo=UTC),
            *(datetime(2025, n, 1, tzinfo=UTC) for n in range(3, 13, 3)),
        ):
            list(make_months(engine, earlier))  # and the next two months
        for first in range(0, 365, 30):
            connection.execute(_FILL, {"first": first, "last": min(first + 29, 364), "meters": METERS})
        values = connection.execute("SELECT sum(hours) FROM hourly_day").fetchone()[0]
        filled = time.perf_counter() - start
        sealed = list(seal_months(engine, NOW))
        sealing = time.perf_counter() - start - filled
        connection.execute("VACUUM ANALYZE hourly_day")
        narrow_bytes = _make_narrow(connection)
    size = _bytes(
        engine,
        "SELECT sum(pg_total_relation_size(c)) FROM pg_partition_tree('hourly_day') p, "
        "LATERAL CAST(p.relid AS regclass) c WHERE p.isleaf",
    )
    shared: dict[str, object] = {"values": int(values), "runs": RUNS}
    yield {
        "bench": "store-bytes-postgresql",
        "rate": round(size / values, 2),
        "unit": "bytes/hourly value, indexes included",
        "against": "one row an hour with its key, same values, same run",
        "against_rate": round(narrow_bytes, 1),
        "ratio": round(narrow_bytes / (size / values), 2),
        "limit": 16,
        "months_sealed": len(sealed),
        "filled_s": round(filled),
        "sealing_s": round(sealing, 1),
        **shared,
    }
    year = _YEAR_OF.format(hours=f"hourly('{START} {ZONE}', '{END} {ZONE}')")
    month = _MONTH.format(zone=ZONE, start=f"2025-06-01 {ZONE}", end=f"2025-07-01 {ZONE}")
    narrow_year = _YEAR_OF.format(hours="narrow")
    narrow_month = (
        f"SELECT meter_id, date_trunc('day', hour, '{ZONE}'), sum(volume_ml) FROM narrow "
        f"WHERE hour >= '2025-06-01 {ZONE}' AND hour < '2025-07-01 {ZONE}' GROUP BY 1, 2"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        yield _timed(connection, "store-year-of-one-meter", year, narrow_year, 1.0) | shared
        yield _timed(connection, "store-month-of-daily-sums", month, narrow_month, METERS / NARROW_METERS) | shared
    engine.dispose()


def _add_meters(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO meter (manufacturer, serial) SELECT 'KAM', g FROM generate_series(1, %s::int) g", (count,)
    )


def _make_narrow(connection: psycopg.Connection) -> float:
    """Make the same values of some meters as one row an hour; return what one takes [bytes]."""
    connection.execute(
        "CREATE TABLE narrow (meter_id integer, hour timestamptz, volume_ml bigint, quality smallint)"
    )
    connection.execute(
        "INSERT INTO narrow SELECT h.* FROM hourly('-infinity', 'infinity') h WHERE meter_id <= %s "
        "ORDER BY hour, meter_id",
        (NARROW_METERS,),
    )
    connection.execute("ALTER TABLE narrow ADD PRIMARY KEY (meter_id, hour)")
    connection.execute("VACUUM ANALYZE narrow")
    query = "SELECT pg_total_relation_size('narrow')::float8 / count(*) FROM narrow"
    return float(connection.execute(query).fetchone()[0])


def _timed(connection: psycopg.Connection, name: str, query: str, narrow: str, scale: float) -> dict[str, object]:
    """Time a query to its last row at the client, a different meter each run, and the same on narrow rows."""
    ours, theirs = [], []
    for number in range(RUNS):
        meter = number * 7 % NARROW_METERS + 1
        ours.append(_milliseconds(connection, query, meter))
        theirs.append(_milliseconds(connection, narrow, meter) * scale)
    return {
        "bench": name,
        "rate": round(median(ours), 2),
        "unit": "ms",
        "against": f"one row an hour of {NARROW_METERS} meters, same values, same run"
        + (f", times {scale:g}" if scale > 1 else ""),
        "against_rate": round(median(theirs), 2),
        "ratio": round(median(theirs) / median(ours), 2),
        "limit": LIMITS[name],
    }


def _milliseconds(connection: psycopg.Connection, query: str, meter: int) -> float:
    start = time.perf_counter()
    cursor = connection.cursor(binary=True)
    cursor.execute(query, {"meter": meter})
    if not cursor.fetchall():
        raise RuntimeError("the query found nothing")
    return (time.perf_counter() - start) * 1000


def _timescale(url: str) -> dict[str, object]:
    engine = make_engine(url, pool_size=1, max_overflow=0)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO meter (manufacturer, serial) "
                "SELECT 'KAM', g FROM generate_series(1, CAST(:n AS int)) g"
            ),
            {"n": FEW_METERS},
        )
        ensure(connection, Retention())
    for first in range(0, FEW_HOURS, 250):
        with engine.begin() as connection:
            connection.execute(text(_FILL_NARROW), {"first": first, "last": first + 249, "meters": FEW_METERS})
    with engine.begin() as connection:
        before = _hypertable_bytes(connection)
        connection.execute(text("SELECT compress_chunk(c) FROM show_chunks('hourly_volume') c")).all()
    with engine.begin() as connection:
        after, count = _hypertable_bytes(connection), FEW_METERS * FEW_HOURS
    engine.dispose()
    return {
        "bench": "store-bytes-timescaledb",
        "rate": round(after / count, 2),
        "unit": "bytes/hourly value, indexes included",
        "against": "the same hypertable before compression, same run",
        "against_rate": round(before / count, 1),
        "ratio": round(before / after, 1),
        "limit": 4,
        "values": count,
        "meters": FEW_METERS,
    }


def _hypertable_bytes(connection: Connection) -> int:
    query = text("SELECT total_bytes FROM hypertable_detailed_size('hourly_volume')")
    return int(connection.execute(query).scalar_one())


def _bytes(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())
