"""Three kinds of dongle on one gateway process, a real hub, a real database: every frame is stored once."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from meterhub import schema
from meterhub.kit.db import make_engine
from meterhub.simulate.dongles.amber import SimulatedAmber
from meterhub.simulate.dongles.cul import SimulatedCUL
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.town import build_town
from tests.e2e.test_kills import (
    GATEWAY,
    MASTER_KEY,
    Command,
    a_database,
    answers,
    closing,
    free_port,
    register,
    stored,
    wait_until,
)

ROUNDS = 20


def last_seen(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT last_seen_at FROM gateway WHERE name = %s", (GATEWAY,)).fetchone()[0]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_three_dongles_of_one_gateway_hear_is_stored_once(tmp_path):
    town = build_town(12, 7, 5, datetime.now(UTC), ZoneInfo("Europe/Helsinki"))
    with a_database() as database, SimulatedIM871A() as im871a, SimulatedCUL() as cul, SimulatedAmber() as amber:
        dongles = (im871a, cul, amber)
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
        with closing(hub):
            assert wait_until(lambda: answers(url)), (tmp_path / "serve.log").read_text()
            gateway = Command(
                tmp_path / "gateway.log",
                {},
                *("gateway", "--device", f"{im871a.device_path}@im871a", "--device", f"{cul.device_path}@cul"),
                *("--device", f"{amber.device_path}@amber", "--hub", url, "--token-file", str(token_file)),
                *("--spool", str(tmp_path / "spool.sqlite"), "--name", GATEWAY),
            )
            with closing(gateway):
                # the hub knows that the gateway lives before it has heard anything
                assert wait_until(lambda: last_seen(database_url) is not None)
                assert stored(database_url) == 0
                assert wait_until(lambda: (tmp_path / "gateway.log").read_text().count("listens to C/T") == 3)
                sent = []
                for count in range(ROUNDS):
                    for number, home in enumerate(town.homes):
                        frame = home.telegram(town.start + timedelta(minutes=count), count)
                        sent.append(frame)
                        hearing = {number % 3, (number + count) % 3}  # some frames reach two dongles
                        for dongle in hearing:
                            assert dongles[dongle].transmit(frame, link_mode=home.family.link_mode)
                assert all(dongle.drain() for dongle in dongles)
                heard = sum(dongle.sent for dongle in dongles)
                assert heard > len(sent)
                assert wait_until(lambda: received(database_url) == heard), (tmp_path / "gateway.log").read_text()
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("SELECT encode(frame, 'hex') FROM raw_frame").fetchall()
            reads = connection.execute("SELECT count(*) FROM register_read").fetchone()[0]
            held = connection.execute("SELECT count(*) FROM quarantine").fetchone()[0]
    assert sorted(row[0] for row in rows) == sorted(frame.hex() for frame in sent)
    assert (reads, held) == (len(sent), 0)


def received(url):
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT coalesce(sum(accepted + duplicates), 0) FROM gateway_day").fetchone()
    return row[0]
