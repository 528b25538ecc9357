"""Reads in the database to issued invoices, against the plain SQL that sums the same reads in the same run."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median

import psycopg

from meterhub import schema
from meterhub.access.principal import SYSTEM
from meterhub.billing import prices
from meterhub.billing.runs import execution, life
from meterhub.billing.runs.schemas import RunRequest
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.settings import Settings

CONTRACTS = 2_000
RUNS = 3
QUARTER = (date(2025, 1, 1), date(2025, 4, 1))
APPROVER = replace(SYSTEM, name="approver")

# A household meter at each point, read every hour at a second of its own, stored as the reads came in: by time.
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
    SELECT n, at + interval '1 second' * (n % 3600), (n * 7919 + 15000 * k) * 1000, 'amr', k * {contracts} + n
    FROM generate_series(timestamptz '2024-12-31', '2025-04-02', '1 hour') WITH ORDINALITY AS hour (at, k),
         generate_series(1, {contracts}) n
    ORDER BY k, n;
"""
_SUM = """
    SELECT meter_id, max(volume_ml) - min(volume_ml) FROM register_read
    WHERE at >= timestamptz '2025-01-01 Europe/Helsinki' AND at < timestamptz '2025-04-01 Europe/Helsinki'
    GROUP BY meter_id
"""


def run() -> Iterator[dict[str, object]]:
    """Yield the rate of invoices of a billing run, documents aside, and its ratio to the sums alone."""
    ours, plain = [], []
    with _town() as server:
        for number in range(RUNS):
            url = server.url(_copy(server, f"run_{number}"))
            plain.append(_sum(url))
            ours.append(_bill(url))
    yield {
        "bench": "billing-run",
        "rate": round(median(ours)),
        "unit": "invoices/s",
        "against": "SELECT max - min of the same reads by meter, same database, same run",
        "against_rate": round(median(plain)),
        "ratio": round(median(ours) / median(plain), 4),
        "contracts": CONTRACTS,
        "runs": RUNS,
    }


@contextmanager
def _town() -> Iterator[EmbeddedPostgres]:
    """Yield a server with a town in its database `town`: contracts, prices and a quarter of hourly reads."""
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres") as server:
            engine = make_engine(server.create_database("town"))
            schema.upgrade(engine)
            with engine.begin() as connection:
                prices.import_tariff(connection, prices.shipped_tariff("example-town"), "bench")
            engine.dispose()
            with psycopg.connect(server.url("town"), autocommit=True) as connection:
                connection.execute(_TOWN.format(contracts=CONTRACTS))
                connection.execute("VACUUM ANALYZE")
            yield server


def _copy(server: EmbeddedPostgres, name: str) -> str:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE town STRATEGY file_copy")
    return name


def _sum(url: str) -> float:
    with psycopg.connect(url) as connection:
        start = time.perf_counter()
        rows = connection.execute(_SUM).fetchall()
        return len(rows) / (time.perf_counter() - start)


def _bill(url: str) -> float:
    engine = make_engine(url)
    request = RunRequest(
        billing_group="quarterly", period=QUARTER, tariff="example-town", issued_on=date(2025, 4, 3)
    )
    with engine.begin() as connection:
        run_id = life.start_run(connection, SYSTEM, request)
    start = time.perf_counter()
    execution.carry_out(engine, Settings(), run_id)
    elapsed = time.perf_counter() - start
    with engine.begin() as connection:
        life.approve(connection, APPROVER, run_id)
    start = time.perf_counter()
    execution.issue_run(engine, Settings(), run_id)
    elapsed += time.perf_counter() - start
    with engine.connect() as connection:
        issued = life.totals(connection, run_id).invoices
    engine.dispose()
    if issued != CONTRACTS:
        raise RuntimeError(f"{issued} of {CONTRACTS} contracts were billed")
    return issued / elapsed
