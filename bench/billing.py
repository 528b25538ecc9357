"""Reads in the database to issued invoices: against the plain SQL that sums the same reads, and for a large town.

The first line bills meters that are read every hour, and sums the same reads by SQL alone. The second bills the
large town, read every day, as one run; it is held against the minute that such a run may take. Both end where all
documents are numbered, stored and in the ledger; pictures and paper come later. `cpu_ms` is what an invoice costs
all processes together, PostgreSQL among them, so that it says the same on a machine that has other work.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import NamedTuple

import psutil
import psycopg

from meterhub import schema
from meterhub.access.principal import SYSTEM
from meterhub.billing import prices
from meterhub.billing.runs import execution, life
from meterhub.billing.runs.schemas import RunRequest
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.settings import Settings

QUARTER = (date(2025, 1, 1), date(2025, 4, 1))
APPROVER = replace(SYSTEM, name="approver")
ALLOWED_S = 60


@dataclass(frozen=True, slots=True)
class Town:
    """So many contracts with a meter each, read every so many hours over the quarter."""

    contracts: int
    hours: int


HOURLY = Town(contracts=8_000, hours=1)
LARGE = Town(contracts=100_000, hours=24)
RUNS = 3

# A household meter at each point, read at a second of its own, stored as the reads came in: by time.
_TOWN = """
    SET session_replication_role = replica;
    INSERT INTO customer (customer_no, name, street, postal_code, city)
    SELECT 'C' || n, 'Maija Mallinen', 'Mallikatu ' || n, '04200', 'Kerava' FROM generate_series(1, {contracts}) n;
    INSERT INTO property (property_code, street, postal_code, city)
    SELECT '245-1-' || n, 'Mallikatu ' || n, '04200', 'Kerava' FROM generate_series(1, {contracts}) n;
    INSERT INTO metering_point (point_code, property_id, services)
    SELECT 'MP-' || n, n, '{{water,wastewater}}' FROM generate_series(1, {contracts}) n;
    INSERT INTO contract (contract_no, customer_id, metering_point_id, valid, billing_group)
    SELECT 'K' || n, n, n, daterange('2020-01-01', NULL), 'quarterly' FROM generate_series(1, {contracts}) n;
    INSERT INTO meter (manufacturer, serial)
    SELECT 'KAM', lpad(n::text, 8, '0') FROM generate_series(1, {contracts}) n;
    INSERT INTO installation (meter_id, metering_point_id, valid)
    SELECT n, n, tstzrange('2020-01-01', NULL) FROM generate_series(1, {contracts}) n;
    INSERT INTO register_read (meter_id, at, volume_ml, source, raw_frame_id)
    SELECT n, at + interval '1 second' * (n % 3600),
           1000000 * (n % 90000)::bigint + (10000 + n % 7919) * {hours} * k, 'amr', k * {contracts} + n
    FROM generate_series(timestamptz '2024-12-31', '2025-04-02', '{hours} hours') WITH ORDINALITY AS hour (at, k),
         generate_series(1, {contracts}) n
    ORDER BY k, n;
"""
_SUM = """
    SELECT meter_id, max(volume_ml) - min(volume_ml) FROM register_read
    WHERE at >= timestamptz '2025-01-01 Europe/Helsinki' AND at < timestamptz '2025-04-01 Europe/Helsinki'
    GROUP BY meter_id
"""


class Spent(NamedTuple):
    """What something took: by the clock, and of all processes together [s]."""

    elapsed: float
    cpu: float


def run() -> Iterator[dict[str, object]]:
    """Yield the rate of invoices of a billing run, documents aside, and its ratio to the sums alone."""
    ours, plain = [], []
    with _server(HOURLY) as server:
        for number in range(RUNS):
            name = _copy(server, f"run_{number}")
            plain.append(_sum(server, name))
            ours.append(_bill(server, name, HOURLY))
            _drop(server, name)
    yield {
        "bench": "billing-run",
        "rate": round(HOURLY.contracts / _elapsed(ours)),
        "unit": "invoices/s",
        "against": "SELECT max - min of the same hourly reads by meter, same database, same run",
        "against_rate": round(HOURLY.contracts / _elapsed(plain)),
        "ratio": round(_elapsed(plain) / _elapsed(ours), 4),
        "times_the_sum": round(_elapsed(ours) / _elapsed(plain), 2),
        "cpu_ms": _cpu_ms(ours, HOURLY),
        "cpu_ms_of_the_sum": _cpu_ms(plain, HOURLY),
        "contracts": HOURLY.contracts,
        "runs": RUNS,
    }
    with _server(LARGE) as server, _Watch(server) as watch:
        spent = _bill(server, "town", LARGE)
    yield {
        "bench": "billing-run-large",
        "rate": round(LARGE.contracts / spent.elapsed),
        "unit": "invoices/s",
        "against": f"all of them in {ALLOWED_S} s",
        "against_rate": round(LARGE.contracts / ALLOWED_S),
        "ratio": round(ALLOWED_S / spent.elapsed, 4),
        "seconds": round(spent.elapsed, 1),
        "cpu_ms": _cpu_ms([spent], LARGE),
        "peak_rss_mb_of_a_process": watch.peak // 2**20,
        "contracts": LARGE.contracts,
        "runs": 1,
    }


@contextmanager
def _server(town: Town) -> Iterator[EmbeddedPostgres]:
    """Yield a server with a town in its database `town`: contracts, prices and a quarter of reads."""
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres") as server:
            engine = make_engine(server.create_database("town"))
            schema.upgrade(engine)
            with engine.begin() as connection:
                prices.import_tariff(connection, prices.shipped_tariff("example-town"), "bench")
            engine.dispose()
            with psycopg.connect(server.url("town"), autocommit=True) as connection:
                connection.execute(_TOWN.format(contracts=town.contracts, hours=town.hours))
                connection.execute("VACUUM ANALYZE")
                connection.execute("CHECKPOINT")
            yield server


def _copy(server: EmbeddedPostgres, name: str) -> str:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE town STRATEGY file_copy")
    return name


def _drop(server: EmbeddedPostgres, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name}")


def _sum(server: EmbeddedPostgres, name: str) -> Spent:
    with psycopg.connect(server.url(name)) as connection, _measured(server) as spent:
        connection.execute(_SUM).fetchall()
    return spent[0]


def _bill(server: EmbeddedPostgres, name: str, town: Town) -> Spent:
    engine = make_engine(server.url(name))
    request = RunRequest(
        billing_group="quarterly", period=QUARTER, tariff="example-town", issued_on=date(2025, 4, 3)
    )
    with engine.begin() as connection:
        run_id = life.start_run(connection, SYSTEM, request)
    with _measured(server) as calculated:
        execution.carry_out(engine, Settings(), run_id)
    with engine.begin() as connection:
        life.approve(connection, APPROVER, run_id)
    with _measured(server) as issued:
        execution.issue_run(engine, Settings(), run_id)
    with engine.connect() as connection:
        invoices = life.totals(connection, run_id).invoices
    engine.dispose()
    if invoices != town.contracts:
        raise RuntimeError(f"{invoices} of {town.contracts} contracts were billed")
    return Spent(calculated[0].elapsed + issued[0].elapsed, calculated[0].cpu + issued[0].cpu)


@contextmanager
def _measured(server: EmbeddedPostgres) -> Iterator[list[Spent]]:
    spent: list[Spent] = []
    cpu, start = _cpu_s(server), time.perf_counter()
    yield spent
    spent.append(Spent(time.perf_counter() - start, _cpu_s(server) - cpu))


def _cpu_s(server: EmbeddedPostgres) -> float:
    """Return what this process, its children that have ended, and PostgreSQL have computed so far [s]."""
    postmaster = _postmaster(server)
    times = [postmaster.cpu_times(), *(child.cpu_times() for child in postmaster.children())]
    ended = times[0].children_user + times[0].children_system
    ours = psutil.Process().cpu_times()
    own = ours.user + ours.system + ours.children_user + ours.children_system
    return own + ended + sum(one.user + one.system for one in times)


def _postmaster(server: EmbeddedPostgres) -> psutil.Process:
    return psutil.Process(int((server.data_dir / "postmaster.pid").read_text().split()[0]))


def _elapsed(spent: list[Spent]) -> float:
    return median(one.elapsed for one in spent)


def _cpu_ms(spent: list[Spent], town: Town) -> float:
    return round(median(one.cpu for one in spent) / town.contracts * 1000, 3)


class _Watch(Thread):
    """Looks twice a second how much memory this process and those that calculate for it hold at most [bytes]."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._postmaster = _postmaster(server).pid
        self._done = Event()

    def __enter__(self) -> "_Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        """Look until it is over."""
        while not self._done.wait(0.5):
            ours = psutil.Process()
            for one in (ours, *ours.children()):
                if one.pid != self._postmaster:
                    with suppress(psutil.NoSuchProcess):  # it has ended since
                        self.peak = max(self.peak, one.memory_info().rss)
