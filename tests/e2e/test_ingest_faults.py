"""Two hubs and two workers on one database, four gateways with duplicates, disorder and overlap, and what breaks.

Each test counts what was sent and what is stored: nothing acknowledged is lost, nothing is kept twice, and the
hours of each meter sum to what its register grew by.
"""

import gzip
import json
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import psycopg
import pytest

from meterhub import schema
from meterhub.access.principal import SYSTEM
from meterhub.access.service import enrol_gateway
from meterhub.kit.db import make_engine
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message, encode
from tests.e2e.test_kills import MASTER_KEY, Command, a_database, answers, closing, free_port, wait_until

METERS, TELEGRAMS, GATEWAYS = 30, 30, 4
START = datetime(2026, 3, 1, tzinfo=UTC)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def frame(meter, number):
    """Return the telegram of an hour: a register that grows by a litre for each meter number and hour."""
    volume = DataRecord.of("0413", Decimal(number * (meter + 1)) / 1000)
    clock = DataRecord.of("046D", START.replace(tzinfo=None) + timedelta(hours=number))
    return encode(Message(Address("SEN", f"{meter:08d}", 0x68, 0x07), (volume, clock))).hex()


SENT = [
    (frame(meter, number), START + timedelta(hours=number, seconds=meter))
    for number in range(TELEGRAMS)
    for meter in range(METERS)
]


@dataclass
class Gateway:
    """Sends batches until each is acknowledged, to one hub or the other, as a real one does with its spool."""

    name: str
    token: str
    urls: list[str]
    batches: list[list[tuple[str, datetime]]]
    refusals: list[int] = field(default_factory=list)
    accepted: int = 0

    def run(self):
        chance = random.Random(self.name)
        with httpx2.Client(timeout=40) as client:
            for batch in self.batches:
                telegrams = [
                    {"frame": one, "received_at": (at + timedelta(seconds=chance.uniform(0, 3))).isoformat()}
                    for one, at in batch
                ]
                body = gzip.compress(json.dumps({"gateway": self.name, "telegrams": telegrams}).encode(), 1)
                while not self._send(client, chance.choice(self.urls), body):
                    time.sleep(0.2)

    def _send(self, client, url, body):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Encoding": "gzip"}
        try:
            answer = client.post(f"{url}/api/v1/telegrams", content=body, headers=headers)
        except httpx2.TransportError:
            self.refusals.append(0)
            return False
        if answer.status_code == 200:
            assert answer.json()["rejected"] == []
            self.accepted += answer.json()["accepted"]
            return True
        self.refusals.append(answer.status_code)
        assert answer.status_code == 503, answer.text
        return False


class Installation:
    """A database, hubs, workers and gateways."""

    def __init__(self, stack, tmp_path, *, hubs=2, workers=2):
        self.database = stack.enter_context(a_database())
        self.url = self.database.create_database()
        engine = make_engine(self.url)
        schema.upgrade(engine)
        with engine.begin() as connection:
            tokens = [enrol_gateway(connection, SYSTEM, f"g{number}") for number in range(GATEWAYS)]
        engine.dispose()
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "INSERT INTO meter (manufacturer, serial) SELECT 'SEN', lpad(n::text, 8, '0') "
                "FROM generate_series(0, %s) AS n",
                (METERS - 1,),
            )
        environment = {"DATABASE_URL": self.url, "METERHUB_MASTER_KEY": MASTER_KEY}
        ports = [free_port() for _ in range(hubs)]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.hubs = [
            stack.enter_context(
                closing(Command(tmp_path / f"hub{port}.log", environment, "serve", "--port", str(port)))
            )
            for port in ports
        ]
        self.workers = [
            stack.enter_context(closing(Command(tmp_path / f"worker{n}.log", environment, "worker")))
            for n in range(workers)
        ]
        assert wait_until(lambda: all(map(answers, self.urls)))
        self.gateways = [
            Gateway(f"g{number}", token, self.urls, batches_of(number)) for number, token in enumerate(tokens)
        ]

    def send_everything(self, meanwhile=lambda: None):
        """Let all gateways send at once; `meanwhile` breaks something."""
        with ThreadPoolExecutor(GATEWAYS) as pool:
            runs = [pool.submit(gateway.run) for gateway in self.gateways]
            meanwhile()
            for run in runs:
                run.result(timeout=120)

    def check(self):
        """Compare what was sent with what is stored."""
        with psycopg.connect(self.url) as connection:
            frames = [row[0] for row in connection.execute("SELECT encode(frame, 'hex') FROM raw_frame")]
            assert len(frames) == len(set(frames)), "kept twice"
            assert set(frames) == {one for one, _ in SENT}, "lost"
            counts = connection.execute(
                "SELECT (SELECT count(*) FROM register_read), (SELECT count(*) FROM quarantine)"
            ).fetchone()
            assert counts == (len(SENT), 0)
        assert wait_until(self.rolled_up), "hours are still due"
        with psycopg.connect(self.url) as connection:
            sums = connection.execute(
                "SELECT m.serial::int, sum(h.volume_ml) FROM hourly_volume h JOIN meter m ON m.id = h.meter_id "
                "GROUP BY 1 ORDER BY 1"
            ).fetchall()
            grown = connection.execute(WHOLE_HOURS).fetchall()
        assert len(sums) == METERS
        assert sums == grown

    def rolled_up(self):
        try:
            with psycopg.connect(self.url) as connection:
                return connection.execute("SELECT count(*) FROM rollup_due").fetchone() == (0,)
        except psycopg.OperationalError:
            return False


# What each register grew by between its first and last full hour, interpolated and rounded as the hours are.
WHOLE_HOURS = """
    WITH pair AS (
        SELECT meter_id, at, volume_ml, lead(at) OVER w AS next_at, lead(volume_ml) OVER w AS next_ml
        FROM register_read WINDOW w AS (PARTITION BY meter_id ORDER BY at)
    ),
    bound AS (
        SELECT meter_id, hour, volume_ml + floor(
            (next_ml - volume_ml) * extract(epoch FROM hour - at) / extract(epoch FROM next_at - at) + 0.5
        )::bigint AS register
        FROM pair
        CROSS JOIN LATERAL generate_series(date_trunc('hour', at) + interval '1 hour', next_at, '1 hour') AS hour
        WHERE hour < next_at
    )
    SELECT m.serial::int, (max(register) - min(register))::numeric FROM bound JOIN meter m ON m.id = meter_id
    GROUP BY 1 ORDER BY 1
"""


def batches_of(number):
    """Return a gateway's batches: what it heard of all that was sent, in disorder, overlapping, some twice."""
    chance = random.Random(number)
    heard = [one for place, one in enumerate(SENT) if place % GATEWAYS == number or chance.random() < 0.5]
    batches = [heard[first : first + 150] for first in range(0, len(heard), 120)]  # the last 30 come again
    batches += chance.sample(batches, 3)
    chance.shuffle(batches)
    for batch in batches:
        chance.shuffle(batch)
    return batches


@pytest.fixture
def install(tmp_path):
    with ExitStack() as stack:
        yield lambda **wanted: Installation(stack, tmp_path, **wanted)


def test_duplicates_disorder_and_overlap_from_four_gateways_at_two_hubs_count_once(install):
    place = install()
    place.send_everything()
    assert sum(gateway.accepted for gateway in place.gateways) == len(SENT)
    place.check()


def test_workers_killed_at_work_and_a_hub_killed_under_load_lose_nothing(install):
    place = install()

    def kill():
        for victim in (*place.workers, place.hubs[0], place.workers[0]):
            time.sleep(0.7)
            victim.kill()
            victim.start()

    place.send_everything(kill)
    place.check()


def test_a_database_restarted_under_load_is_waited_for(install):
    place = install(workers=1)

    def restart():
        time.sleep(0.5)
        place.database.stop()
        time.sleep(1.0)
        place.database.start()

    place.send_everything(restart)
    assert any(gateway.refusals for gateway in place.gateways)
    place.check()


def test_a_database_that_takes_no_connections_is_told_as_503_and_tried_again(install):
    place = install(workers=1)

    def refuse():
        refused_then = sum(len(gateway.refusals) for gateway in place.gateways)
        with psycopg.connect(place.database.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER DATABASE meterhub ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'meterhub'"
            )
            assert wait_until(lambda: sum(len(one.refusals) for one in place.gateways) > refused_then + 3)
            connection.execute("ALTER DATABASE meterhub ALLOW_CONNECTIONS true")

    place.send_everything(refuse)
    assert {code for gateway in place.gateways for code in gateway.refusals} == {503}
    place.check()


def test_a_migration_applied_while_batches_arrive_loses_nothing(install):
    place = install(workers=1)
    engine = make_engine(place.url)
    done = threading.Event()

    def migrate():
        time.sleep(0.3)
        with engine.begin() as connection:  # what a migration does: a brief exclusive lock, a column, an index
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            connection.exec_driver_sql("ALTER TABLE raw_frame ADD COLUMN remark text")
            connection.exec_driver_sql("ALTER TABLE register_read ADD COLUMN remark text")
            connection.exec_driver_sql("CREATE INDEX ON raw_frame (gateway_id)")
        done.set()

    place.send_everything(migrate)
    assert done.is_set()
    engine.dispose()
    place.check()


def test_several_processes_behind_one_port_share_the_load(tmp_path, install):
    place = install(hubs=1, workers=1)
    port = free_port()
    environment = {"DATABASE_URL": place.url, "METERHUB_MASTER_KEY": MASTER_KEY}
    arguments = ("serve", "--port", str(port), "--workers", "2")
    with closing(Command(tmp_path / "several.log", environment, *arguments)) as several:
        url = f"http://127.0.0.1:{port}"
        assert wait_until(lambda: answers(url))
        for gateway in place.gateways:
            gateway.urls = [url]
        place.send_everything()
        several.process.send_signal(signal.SIGTERM)
        assert several.process.wait(30) in (0, -signal.SIGTERM)
    place.check()
