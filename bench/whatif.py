"""A price list tried on a year's use of 100,000 accounts, against the plain SQL that sums the same reads."""

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy import Engine

from meterhub import schema
from meterhub.billing import prices
from meterhub.billing.whatif import service
from meterhub.billing.whatif.schemas import WhatIfRequest
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.settings import Settings

CONTRACTS = 100_000
RUNS = 5
YEAR = 2025
TODAY = date(2026, 3, 1)

# A household meter at each point, read at the turn of each month, as self-read and walk-by towns have it.
_TOWN = """
    SET session_replication_role = replica;
    INSERT INTO customer (customer_no, kind, name, street, postal_code, city)
    SELECT 'C' || n, CASE n % 20 WHEN 0 THEN 'company' WHEN 1 THEN 'housing_company' ELSE 'private' END,
           'Maija Mallinen', 'Mallikatu ' || n, '04200', 'Kerava' FROM generate_series(1, {contracts}) n;
    INSERT INTO property (property_code, street, postal_code, city)
    SELECT '245-1-' || n, 'Mallikatu ' || n, '04200', 'Kerava' FROM generate_series(1, {contracts}) n;
    INSERT INTO metering_point (point_code, property_id, services)
    SELECT 'MP-' || n, n, '{{water,wastewater}}' FROM generate_series(1, {contracts}) n;
    INSERT INTO contract (contract_no, customer_id, metering_point_id, valid, billing_group)
    SELECT 'K' || n, n, n, daterange('2020-01-01', NULL), 'quarterly' FROM generate_series(1, {contracts}) n;
    INSERT INTO meter (manufacturer, serial, size_mm)
    SELECT 'KAM', lpad(n::text, 8, '0'), CASE n % 20 WHEN 0 THEN 50 ELSE 20 END
    FROM generate_series(1, {contracts}) n;
    INSERT INTO installation (meter_id, metering_point_id, valid)
    SELECT n, n, tstzrange('2020-01-01', NULL) FROM generate_series(1, {contracts}) n;
    INSERT INTO register_read (meter_id, at, volume_ml, source)
    SELECT n, at + interval '1 second' * (n % 3600), (n * 7919 + (n % 211 * 100 + 900) * 1000 * k) * 1000, 'amr'
    FROM generate_series(timestamptz '2024-12-31', '2026-01-02', '1 month') WITH ORDINALITY AS month (at, k),
         generate_series(1, {contracts}) n
    ORDER BY k, n;
"""
_SUM = """
    SELECT meter_id, max(volume_ml) - min(volume_ml) FROM register_read
    WHERE at >= timestamptz '2024-12-31 Europe/Helsinki' AND at < timestamptz '2026-01-02 Europe/Helsinki'
    GROUP BY meter_id
"""
_NEXT = {
    "code": "example-town", "name": "Example town", "country": "FI", "currency": "EUR",
    "versions": [
        {"component": "WATER", "kind": "volumetric", "service": "water", "net_price": "1.62",
         "vat_code": "standard", "valid_from": "2027-01-01"},
        {"component": "BASE_WATER", "kind": "meter_size", "service": "water", "vat_code": "standard",
         "valid_from": "2027-01-01", "parameters": {"sizes": {"20": "90.00", "50": "420.00"}}},
    ],
}  # fmt: skip


def run() -> Iterator[dict[str, object]]:
    """Yield the accounts a second of a what-if, its ratio to the sums alone, and the memory taken."""
    ours, plain, grown = [], [], []
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres") as server:
            url = server.create_database("town")
            engine = make_engine(url)
            schema.upgrade(engine)
            with engine.begin() as connection:
                prices.import_tariff(connection, prices.shipped_tariff("example-town"), "bench")
            with psycopg.connect(url, autocommit=True) as plain_connection:
                plain_connection.execute(_TOWN.format(contracts=CONTRACTS))
                plain_connection.execute("VACUUM ANALYZE")
            for _ in range(RUNS):
                plain.append(_sum(url))
                before = _peak_mb()
                ours.append(_try(engine))
                grown.append(_peak_mb() - before)
            engine.dispose()
    yield {
        "bench": "what-if",
        "rate": round(CONTRACTS / median(ours)),
        "unit": "accounts/s",
        "seconds": round(median(ours), 2),
        "against": "SELECT max - min of the same reads by meter, same database, same run",
        "against_rate": round(CONTRACTS / median(plain)),
        "ratio": round(median(plain) / median(ours), 4),
        "accounts": CONTRACTS,
        "peak_memory_mb": round(_peak_mb()),
        "memory_growth_after_first_run_mb": round(max(grown[1:]), 1),
        "runs": RUNS,
    }


def _sum(url: str) -> float:
    with psycopg.connect(url) as connection:
        start = time.perf_counter()
        connection.execute(_SUM).fetchall()
        return time.perf_counter() - start


def _try(engine: Engine) -> float:
    request = WhatIfRequest.model_validate({"year": YEAR, "against": "example-town", "document": _NEXT})
    start = time.perf_counter()
    with engine.connect() as connection:
        result = service.try_out(connection, Settings(), request, TODAY)
    elapsed = time.perf_counter() - start
    if result["accounts"] != CONTRACTS:
        raise RuntimeError(
            f"{result['accounts']} of {CONTRACTS} accounts were rated: {json.dumps(result['left_out'])}"
        )
    return elapsed


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
