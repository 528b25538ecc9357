"""The worker as a process: it does what is queued, and comes back when the database does."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from meterhub import schema
from meterhub.jobs.worker import run
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.kit.queue import defer
from meterhub.readings.repository import NewRead, store_reads
from meterhub.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)


def a_day_of_reads(engine, day):
    with engine.begin() as connection:
        reads = [
            NewRead(1, START + timedelta(days=day, hours=hour), 1000 * (24 * day + hour)) for hour in range(24)
        ]
        store_reads(connection, reads)
        defer(connection, "readings.rollup", once="readings.rollup")


def hours(engine):
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM hourly_volume")).scalar_one()
    except DBAPIError:
        return -1


def wait_for(engine, count):
    deadline = time.monotonic() + 90
    while (found := hours(engine)) != count and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@pytest.mark.slow
def test_the_worker_goes_on_after_the_database_was_killed_and_ends_when_asked(tmp_path):
    with tempfile.TemporaryDirectory(prefix="mh-test-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "pg") as database:
            url = database.create_database()
            engine = make_engine(url)
            schema.upgrade(engine)
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '1')"))
            with (tmp_path / "worker.log").open("wb") as log:
                worker = subprocess.Popen(
                    [sys.executable, "-m", "meterhub", "worker"],
                    env={**os.environ, "DATABASE_URL": url},
                    stderr=log,
                )
            try:
                a_day_of_reads(engine, 0)
                assert wait_for(engine, 23) == 23
                database.kill()
                time.sleep(1)
                database.start()
                a_day_of_reads(engine, 1)
                assert wait_for(engine, 47) == 47, (tmp_path / "worker.log").read_text()
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(40) == 0
            finally:
                worker.kill()
                worker.wait()
                engine.dispose()


def test_a_worker_keeps_the_store_up_when_it_starts(engine):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '1')"))
        store_reads(connection, [NewRead(1, START, 1000)])
        caught = connection.execute(text("SELECT count(*) FROM store.register_read_default")).scalar_one()
    run(engine, Settings(), lambda: START + timedelta(days=300), once=True)
    with engine.connect() as connection:
        left = connection.execute(text("SELECT count(*) FROM store.register_read_default")).scalar_one()
        zone = connection.execute(text("SELECT store_zone()")).scalar_one()
    assert (caught, left, zone) == (1, 0, "Europe/Helsinki")
