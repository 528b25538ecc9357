"""Telegrams over HTTP to committed reads, against the bare insert of the same reads on the same database.

Four gateways send at once, each the telegrams of its own meters in order of time, in bodies that were made before.
`METERHUB_BENCH_TELEGRAMS=10000000` lets so many through to watch the hub's memory, instead of 200,000.
"""

import contextlib
import gzip
import json
import os
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import httpx2
import psutil
import psycopg

from bench._installation import Installation, installation
from meterhub.assets.sealing import identity, seal
from meterhub.simulate.meters import Family, Reading, families
from meterhub.wmbus import Address
from meterhub.wmbus.encode import encode

PROCESSES = 2
GATEWAYS = 4
FEW, MANY = 1_000, 1_000_000
HEARD_OF_MANY = 50_000  # meters of the many that send; keys of the others are there and never opened
RUNS = 5
RUN = 40_000  # telegrams
BATCH = 5_000
LONG = int(os.environ.get("METERHUB_BENCH_TELEGRAMS", "200000"))
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=21)

_BARE = """
    INSERT INTO register_read (meter_id, at, volume_ml, source, alarms, meter_at, raw_frame_id)
    SELECT meter_id, at, volume_ml, 'amr', '{}', NULL, NULL
    FROM unnest(%s::integer[], %s::timestamptz[], %s::bigint[]) AS new (meter_id, at, volume_ml)
"""


@dataclass
class Sender:
    """A meter and how often it has sent."""

    family: Family
    address: Address
    key: bytes | None
    count: int = 0

    def telegram(self) -> dict[str, object]:
        """Return its next telegram, as a gateway passes it on: one an hour."""
        at = START + timedelta(hours=self.count, seconds=int(self.address.serial) % 3600)
        volume = 1_000_000 + self.count * 12_000
        reading = Reading(at.replace(tzinfo=None), volume, 1_000_000, self.count)
        self.count += 1
        frame = encode(self.family.build(self.address, self.key, reading)).hex()
        mode = self.family.link_mode
        return {"frame": frame, "received_at": at.isoformat(), "rssi_dbm": -71, "link_mode": mode}


def run() -> Iterator[dict[str, object]]:
    """Yield the rate of telegrams through the ingest API against the bare insert, then how it grows."""
    with installation(workers=PROCESSES) as place:
        master = bytes.fromhex(place.master_key)
        tokens = [
            place.hub.call("POST", "/api/v1/gateways", {"name": _name(number)})["token"]
            for number in range(GATEWAYS)
        ]
        few = _register(place, master, FEW, FEW)
        _measure(place, tokens, few, RUN)  # keys are opened, layouts learned
        ours, bare = [], []
        for _ in range(RUNS):
            ours.append(_measure(place, tokens, few, RUN))
            bare.append(_insert(place))
        rate, against = median(one.rate for one in ours), median(bare)
        yield {
            "bench": "ingest-http",
            "rate": round(rate),
            "unit": "telegrams/s",
            "against": "INSERT ... SELECT FROM unnest of the same reads, same database, same run",
            "against_rate": round(against),
            "ratio": round(rate / against, 3),
            "meters": FEW,
            "processes": PROCESSES,
            "runs": RUNS,
            **_cost(ours),
        }
        many = _register(place, master, MANY, HEARD_OF_MANY)
        cold = _measure(place, tokens, many, HEARD_OF_MANY)
        for _ in range(3):
            _measure(place, tokens, many, HEARD_OF_MANY)  # until each process has met each of them
        of_many = [_measure(place, tokens, many, RUN) for _ in range(RUNS)]
        yield {
            "bench": "ingest-http-many-meters",
            "rate": round(median(one.rate for one in of_many)),
            "unit": "telegrams/s",
            "against": f"the same with {FEW} meters registered: CPU time a telegram",
            "ratio": round(_cpu(of_many) / _cpu(ours), 2),
            "meters": MANY,
            "senders": HEARD_OF_MANY,
            **_cost(of_many),
            "first_telegram_of_each_cpu_us": round(_cpu([cold]), 1),
        }
        memory = [_hub_memory_mb()]
        sent = 0
        while sent < LONG:
            sent += _measure(place, tokens, many, min(LONG // 10, 200_000)).telegrams
            memory.append(_hub_memory_mb())
        yield {
            "bench": "ingest-memory",
            "rate": memory[-1],
            "unit": "MB",
            "against": "the hub's memory when half of the telegrams were through",
            "ratio": round(memory[-1] / memory[len(memory) // 2], 3),
            "telegrams": sent,
            "memory_mb": memory,
        }


def _name(number: int) -> str:
    return f"bench-{number}"


def _register(place: Installation, master: bytes, meters: int, senders: int) -> list[Sender]:
    """Register meters, as many senders among them, chosen at random; all have a key in custody."""
    kinds = families()
    weighed = [kind for kind in kinds for _ in range(kind.share)]
    rng = random.Random(meters)
    chosen = set(rng.sample(range(meters), senders))
    sent, rows = [], []
    first = 10_000_000 if meters == FEW else 20_000_000
    never_opened = secrets.token_bytes(49)
    for number in range(meters):
        family = weighed[number % len(weighed)]
        address = Address(family.manufacturer, f"{first + number:08d}", family.device_version, family.device_type)
        sealed = never_opened if family.encrypted else None
        if number in chosen:
            key = rng.randbytes(16) if family.encrypted else None
            sealed = seal(master, key, identity(*address[:2])) if key else None
            sent.append(Sender(family, address, key))
        rows.append((*address[:2], sealed))
    with psycopg.connect(place.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE fresh (manufacturer text, serial text, sealed bytea)")
        with cursor.copy("COPY fresh FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("INSERT INTO meter (manufacturer, serial) SELECT manufacturer, serial FROM fresh")
        cursor.execute(
            "INSERT INTO meter_key (meter_id, sealed, created_by) SELECT m.id, f.sealed, 'bench' "
            "FROM fresh f JOIN meter m USING (manufacturer, serial) WHERE f.sealed IS NOT NULL"
        )
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM ANALYZE meter")
        cursor.execute("VACUUM ANALYZE meter_key")
    return sent


@dataclass(frozen=True)
class Measured:
    """What sending took: wall-clock and processor time [s]."""

    telegrams: int
    elapsed: float
    hub_cpu: float
    postgres_cpu: float

    @property
    def rate(self) -> float:
        """Return telegrams a second."""
        return self.telegrams / self.elapsed


def _cpu(measured: Sequence[Measured]) -> float:
    """Return the processor time of hub and database a telegram [us]."""
    return median(1e6 * (one.hub_cpu + one.postgres_cpu) / one.telegrams for one in measured)


def _cost(measured: Sequence[Measured]) -> dict[str, object]:
    return {
        "hub_cpu_us": round(median(1e6 * one.hub_cpu / one.telegrams for one in measured), 1),
        "postgres_cpu_us": round(median(1e6 * one.postgres_cpu / one.telegrams for one in measured), 1),
        "hub_memory_mb": _hub_memory_mb(),
    }


def _measure(place: Installation, tokens: Sequence[str], senders: Sequence[Sender], telegrams: int) -> Measured:
    """Send so many telegrams, each gateway its own meters' in order; raises unless all are accepted."""
    bodies = [
        list(_bodies(_name(number), senders[number :: len(tokens)], telegrams // len(tokens)))
        for number in range(len(tokens))
    ]

    def send(number: int) -> int:
        headers = {"Content-Encoding": "gzip", "Authorization": f"Bearer {tokens[number]}"}
        accepted = 0
        with httpx2.Client(base_url=place.url, headers=headers, timeout=120) as client:
            for body in bodies[number]:
                answer = client.post("/api/v1/telegrams", content=body)
                answer.raise_for_status()
                accepted += answer.json()["accepted"]
        return accepted

    hub, postgres = _processor_s()
    start = time.perf_counter()
    with ThreadPoolExecutor(len(tokens)) as pool:
        accepted = sum(pool.map(send, range(len(tokens))))
    elapsed = time.perf_counter() - start
    hub_then, postgres_then = _processor_s()
    if accepted != telegrams:
        raise RuntimeError(f"the hub accepted {accepted} of {telegrams} telegrams")
    return Measured(telegrams, elapsed, hub_then - hub, postgres_then - postgres)


def _bodies(gateway: str, senders: Sequence[Sender], telegrams: int) -> Iterator[bytes]:
    """Yield the requests of a gateway: its meters send one after the other."""
    in_turn = sorted(senders, key=lambda sender: (sender.count, int(sender.address.serial) % 3600))
    size = min(BATCH, telegrams)
    for first in range(0, telegrams, size):
        batch = [in_turn[place % len(in_turn)].telegram() for place in range(first, min(first + size, telegrams))]
        yield gzip.compress(json.dumps({"gateway": gateway, "telegrams": batch}).encode(), 1)


def _insert(place: Installation) -> float:
    """Insert as many reads as one run sends, plainly; they are taken back out of the way afterwards."""
    with psycopg.connect(place.database_url) as connection:
        reads = connection.execute(
            "SELECT meter_id, at, volume_ml FROM register_read ORDER BY id DESC LIMIT %s", (RUN,)
        ).fetchall()
        start = time.perf_counter()
        for first in range(0, RUN, BATCH):
            meters, times, volumes = zip(*reads[first : first + BATCH], strict=True)
            connection.execute(_BARE, (list(meters), list(times), list(volumes)))
            connection.commit()
        elapsed = time.perf_counter() - start
        connection.execute("DELETE FROM register_read WHERE raw_frame_id IS NULL")
    return RUN / elapsed


def _processes() -> Iterator[tuple[psutil.Process, bool]]:
    """Yield our running children, and whether each is of the database."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process, process.name().startswith("postgres")


def _processor_s() -> tuple[float, float]:
    """Return the processor time that hub and database have used [s], with that of children that have ended."""
    hub = postgres = 0.0
    for process, is_postgres in _processes():
        used = process.cpu_times()
        total = used.user + used.system + used.children_user + used.children_system
        if is_postgres:
            postgres += total
        else:
            hub += total
    return hub, postgres


def _hub_memory_mb() -> int:
    """Return what the hub's processes hold [MB], what they share counted once."""
    return sum(process.memory_full_info().pss for process, of_database in _processes() if not of_database) // 2**20
