"""SIGKILL to gateway, hub and database at random moments under load: nothing lost, nothing twice.

A telegram that the gateway had not yet read, or not yet committed to its spool, when it was killed is lost on
the air. Meters make up for it by repeating themselves every few seconds, and so does the simulated dongle: what
went out from two seconds before the kill of a gateway until it hears again is transmitted once more. No meter
repeats an older telegram after a newer one as the dongle then does: the hub rightly holds such ones as replayed.
"""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import pytest
from sqlalchemy import text

from meterhub import schema
from meterhub.access.principal import SYSTEM
from meterhub.access.service import enrol_gateway
from meterhub.assets.keys import add_key
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.settings import Settings
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.town import build_town

MASTER_KEY = "5a" * 32
KILLS_OF_EACH = 4
SETTINGS = Settings(master_key=MASTER_KEY)
GATEWAY = "tower"


class Command:
    """A `meterhub` sub-command that can be killed and started again."""

    def __init__(self, log, environment, *arguments):
        self._log = log.open("ab")
        self._environment = {**os.environ, **environment}
        self._arguments = arguments
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "meterhub", *self._arguments],
            stdout=self._log,
            stderr=self._log,
            env=self._environment,
        )

    def kill(self):
        assert self.process.poll() is None, f"{self._arguments[0]} had ended by itself"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        self.process.kill()
        self.process.wait()
        self._log.close()


@contextmanager
def closing(thing):
    try:
        yield thing
    finally:
        thing.close()


@contextmanager
def a_database():
    with tempfile.TemporaryDirectory(prefix="mh-test-") as folder:
        Path(folder).chmod(0o755)  # the database's own user has to reach its folder in here
        with EmbeddedPostgres(Path(folder) / "postgres") as database:
            yield database


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout_s=180.0):
    deadline = time.monotonic() + timeout_s
    while not (done := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return done


def answers(url):
    try:
        return httpx2.get(f"{url}/health", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


class Air(threading.Thread):
    """Meters that send one telegram after the other until told to stop."""

    def __init__(self, dongle, town):
        super().__init__(daemon=True)
        self.dongle, self.town, self.stop = dongle, town, threading.Event()
        self.sent = []

    def run(self):
        count = 0
        while not self.stop.is_set():
            home = self.town.homes[count % len(self.town.homes)]
            frame = home.telegram(self.town.start + timedelta(seconds=30 * count), count)
            if self.dongle.transmit(frame, link_mode=home.family.link_mode):
                self.sent.append(frame)
            count += 1
            time.sleep(0.004)


def register(engine, town):
    with engine.begin() as connection:
        token = enrol_gateway(connection, SYSTEM, GATEWAY)
        for home in town.homes:
            meter_id = connection.execute(
                text("INSERT INTO meter (manufacturer, serial) VALUES (:m, :s) RETURNING id"),
                {"m": home.address.manufacturer, "s": home.address.serial},
            ).scalar_one()
            if home.key:
                add_key(connection, SYSTEM, SETTINGS, meter_id, home.key.hex())
    return token


def in_spool(path):
    """What a killed gateway had kept but not delivered: no repetition may be needed for these."""
    with closing(sqlite3.connect(path)) as spool:
        return {frame.hex() for (frame,) in spool.execute("SELECT frame FROM telegram")}


def stored(url):
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT count(*) FROM raw_frame").fetchone()[0]
    except psycopg.OperationalError:
        return -1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_telegram_is_stored_exactly_once_whatever_is_killed(tmp_path):
    chance = random.Random(20260301)
    town = build_town(30, 7, 3, datetime.now(UTC), ZoneInfo("Europe/Helsinki"))
    with a_database() as database, SimulatedIM871A() as dongle:
        database_url = database.create_database()
        engine = make_engine(database_url)
        schema.upgrade(engine)
        token_file = tmp_path / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(register(engine, town))
        engine.dispose()
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {"DATABASE_URL": database_url, "METERHUB_MASTER_KEY": MASTER_KEY}
        hub = Command(tmp_path / "serve.log", environment, "serve", "--port", str(port))
        gateway = Command(
            tmp_path / "gateway.log",
            {},
            *("gateway", "--device", dongle.device_path, "--hub", url, "--token-file", str(token_file)),
            *("--spool", str(tmp_path / "spool.sqlite"), "--name", GATEWAY, "--batch", "40"),
        )
        air = Air(dongle, town)
        with closing(hub), closing(gateway):
            assert dongle.wait_until_hearing("T1", 30)
            assert wait_until(lambda: answers(url))
            air.start()
            spooled = set()
            victims = ["gateway", "hub", "database"] * KILLS_OF_EACH
            chance.shuffle(victims)
            for victim in victims:
                time.sleep(chance.uniform(0.2, 1.2))
                if victim == "gateway":
                    killed_at = time.monotonic()
                    gateway.kill()
                    spooled |= in_spool(tmp_path / "spool.sqlite")
                    set_ups = dongle.requests.count((1, 5))
                    gateway.start()
                    assert wait_until(lambda n=set_ups: dongle.requests.count((1, 5)) > n)
                    dongle.repeat(time.monotonic() - killed_at + 2.0)
                elif victim == "hub":
                    hub.kill()
                    hub.start()
                    wait_until(lambda: answers(url))
                else:
                    database.kill()
                    time.sleep(chance.uniform(0, 0.5))
                    database.start()
            air.stop.set()
            air.join()
            assert dongle.drain()
            frames = {frame.hex() for frame in air.sent}
            assert wait_until(lambda: stored(database_url) >= len(frames)), (tmp_path / "gateway.log").read_text()
            time.sleep(1.0)  # a second copy would come now
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("SELECT encode(frame, 'hex') FROM raw_frame").fetchall()
            reads = connection.execute("SELECT count(*) FROM register_read").fetchone()[0]
            held = connection.execute("SELECT raw_frame_id, reason FROM quarantine").fetchall()
    found = sorted(row[0] for row in rows)
    assert len(air.sent) > 1000
    assert len(frames) == len(air.sent)
    assert found == sorted(frames)
    assert spooled <= set(found)
    assert spooled, "no gateway was killed with telegrams in its spool"
    assert {reason for _, reason in held} <= {"replayed"}
    assert len(held) < len(frames) / 20
    assert reads + len(held) == len(frames)
