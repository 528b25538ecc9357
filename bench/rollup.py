"""Hourly values from reads, against the bare insert of the same values one row an hour on the same database."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import psutil
import psycopg
from sqlalchemy import Engine, text

from meterhub import schema
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.readings.rollup import ask_for_everything, roll_up_some

METERS = 2_000
HOURS = 504  # three weeks of a read an hour, at another second of the hour for each meter
RUNS = 5
WORKERS = 2

# In the order of arrival, which is not that of meters.
_READS = """
    INSERT INTO register_read (meter_id, at, volume_ml, source)
    SELECT m, timestamptz '2026-06-01Z' + h * interval '1 hour' + (m * 7919 %% 3600) * interval '1 second',
           m * 1000000::bigint + h * 15000 + h * m %% 9000, 'amr'
    FROM generate_series(0, %(hours)s) h, generate_series(1, %(meters)s) m ORDER BY h, m
"""
_BARE = "INSERT INTO bare SELECT meter_id, hour, volume_ml, quality FROM hourly('-infinity', 'infinity')"


def run() -> Iterator[dict[str, object]]:
    """Yield the rate of deriving and storing hours by two workers, and its ratio to the bare insert."""
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres") as server:
            url = server.create_database()
            engine = make_engine(url)
            schema.upgrade(engine)
            _fill(url)
            rounds = [(*_roll_up(engine, url), _insert(engine)) for _ in range(RUNS)]
            values = _count(engine)
            engine.dispose()
    wall, processor, bare = (median(column) for column in zip(*rounds, strict=True))
    yield {
        "bench": "rollup",
        "rate": round(values / wall),
        "unit": "hourly values/s",
        "against": "INSERT ... SELECT of the same values, one row an hour with its key, same database, same run",
        "against_rate": round(values / bare),
        "ratio": round(bare / wall, 2),
        "values": values,
        "workers": WORKERS,
        "rate_per_processor_second": round(values / processor),
        "load": round(psutil.getloadavg()[0], 1),
        "runs": RUNS,
    }


def _fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO meter (manufacturer, serial) SELECT 'KAM', g FROM generate_series(1, %s) g", (METERS,)
        )
        connection.execute(_READS, {"hours": HOURS, "meters": METERS})
        connection.execute(
            "CREATE TABLE bare (meter_id integer, hour timestamptz, volume_ml bigint, quality smallint, "
            "PRIMARY KEY (meter_id, hour))"
        )
        connection.execute("VACUUM ANALYZE")


def _roll_up(engine: Engine, url: str) -> tuple[float, float]:
    """Roll everything up from nothing; return seconds, and seconds of the server's processor time."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE hourly_day"))
    ask_for_everything(engine)
    start = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(_work, [url] * WORKERS))
    elapsed = time.perf_counter() - start
    if sum(hours for hours, _ in done) != _count(engine):
        raise RuntimeError("not all hours were derived, or some twice")
    return elapsed, sum(seconds for _, seconds in done)


def _count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM hourly_volume")).scalar_one())


def _work(url: str) -> tuple[int, float]:
    engine = make_engine(url, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        backend = psutil.Process(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    spent, hours = sum(backend.cpu_times()[:2]), 0
    while (step := roll_up_some(engine)).changed_from:
        hours += step.hours
    processor = sum(backend.cpu_times()[:2]) - spent
    engine.dispose()
    return hours, processor


def _insert(engine: Engine) -> float:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE bare"))
        start = time.perf_counter()
        connection.execute(text(_BARE))
    return time.perf_counter() - start
