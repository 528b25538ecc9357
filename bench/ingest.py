"""Telegrams over HTTP to committed reads, against the bare insert of the same reads on the same database."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import psycopg

from bench._installation import Installation, installation
from meterhub.simulate.demo.client import HubClient
from meterhub.simulate.demo.registers import import_document
from meterhub.simulate.town import Town, build_town

METERS = 1_000
RUNS = 5
HOURS = 10  # a run is this many telegrams of each meter
BATCH = 5_000

_BARE = """
    INSERT INTO register_read (meter_id, at, volume_ml, source, alarms, meter_at, raw_frame_id)
    SELECT meter_id, at, volume_ml, 'amr', '{}', NULL, NULL
    FROM unnest(%s::integer[], %s::timestamptz[], %s::bigint[]) AS new (meter_id, at, volume_ml)
"""


def run() -> Iterator[dict[str, object]]:
    """Yield the rate of telegrams through the ingest API, and its ratio to the bare insert."""
    town = build_town(METERS, 7, 1, datetime.now(UTC), ZoneInfo("Europe/Helsinki"))
    with installation() as place:
        document = import_document(town)
        for meter, home in zip(document["meters"], town.homes, strict=True):
            if home.key:
                meter["key"] = home.key.hex()
        place.hub.call("POST", "/api/v1/import/registers", document)
        token = place.hub.call("POST", "/api/v1/gateways", {"name": "bench"})["token"]
        gateway = HubClient(place.url, token)
        ours, bare = [], []
        for number in range(RUNS):
            batches = list(_batches(town, number * HOURS))
            ours.append(_send(gateway, batches))
            bare.append(_insert(place, number))
        yield {
            "bench": "ingest-http",
            "rate": round(median(ours)),
            "unit": "telegrams/s",
            "against": "INSERT ... SELECT FROM unnest of the same reads, same database, same run",
            "against_rate": round(median(bare)),
            "ratio": round(median(ours) / median(bare), 3),
            "meters": METERS,
            "runs": RUNS,
            "hub_memory_mb": place.processes.memory_mb()["serve"],
        }


def _batches(town: Town, first_hour: int) -> Iterator[list[dict[str, object]]]:
    telegrams: list[dict[str, object]] = []
    for count in range(first_hour, first_hour + HOURS):
        for home in town.homes:
            at = town.start + timedelta(hours=count) + home.offset
            telegrams.append(
                {
                    "frame": home.telegram(at, count).hex(),
                    "received_at": at.isoformat(),
                    "rssi_dbm": -71,
                    "link_mode": home.family.link_mode,
                }
            )
            if len(telegrams) == BATCH:
                yield telegrams
                telegrams = []
    if telegrams:
        yield telegrams


def _send(gateway: HubClient, batches: list[list[dict[str, object]]]) -> float:
    start = time.perf_counter()
    for batch in batches:
        result = gateway.send("bench", batch)
        if result["accepted"] != len(batch):
            raise RuntimeError(f"the hub did not accept everything: {result}")
    return sum(map(len, batches)) / (time.perf_counter() - start)


def _insert(place: Installation, number: int) -> float:
    """Insert as many reads as one run sends, plainly; they are taken back out of the way afterwards."""
    count = METERS * HOURS
    at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=number)
    meters = [n % METERS + 1 for n in range(count)]
    times = [at + timedelta(seconds=n) for n in range(count)]
    with psycopg.connect(place.database_url) as connection:
        start = time.perf_counter()
        for first in range(0, count, BATCH):
            part = slice(first, first + BATCH)
            connection.execute(_BARE, (meters[part], times[part], list(range(count))[part]))
            connection.commit()
        elapsed = time.perf_counter() - start
        connection.execute("DELETE FROM register_read WHERE at < '2001-01-01'")
    return count / elapsed
