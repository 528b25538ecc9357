"""Spool and ingest together: what was heard is stored once, waits, or is counted, whatever happens between."""

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from meterhub.gateway import room
from meterhub.gateway.room import Room
from meterhub.gateway.spool import Batch, HeardTelegram, Spool
from tests.api.hub import Hub
from tests.browser.server import serving
from tests.gateway.telegrams import a_frame, number_of

_numbers = count(1)


def send(client, name, telegrams, *, ahead=timedelta()):
    items = [
        {"frame": t.frame.hex(), "received_at": (t.received_at + ahead).isoformat(), "rssi_dbm": t.rssi_dbm}
        for t in telegrams
    ]
    about = f"version=1; spool=0; now={(datetime.now(UTC) + ahead).isoformat(timespec='seconds')}"
    answer = client.post(
        "/api/v1/telegrams", json={"gateway": name, "telegrams": items}, headers={"X-Meterhub-Gateway": about}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


class SpoolAndIngest(RuleBasedStateMachine):
    hub: ClassVar[Hub]
    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.name = f"gateway-{next(_numbers)}"
        self.path = self.folder / f"{self.name}.sqlite"
        self.client = self.hub.gateway(self.name)
        self.spool = Spool(self.path)
        self.heard: set[int] = set()
        self.acknowledged: set[int] = set()
        self.maybe: set[int] = set()

    def telegrams(self, many: int) -> list[HeardTelegram]:
        numbers = [next(_numbers) for _ in range(many)]
        self.heard |= set(numbers)
        now = datetime.now(UTC)
        return [HeardTelegram(a_frame(number), now, -70, "T1") for number in numbers]

    @rule(many=st.integers(1, 12))
    def hear(self, many: int) -> None:
        assert self.spool.append(self.telegrams(many))

    def take(self, newest: bool, size: int) -> Batch | None:
        return (self.spool.newest if newest else self.spool.oldest)(size)

    @rule(newest=st.booleans(), size=st.integers(1, 8), hearing=st.integers(0, 3))
    def upload(self, newest: bool, size: int, hearing: int) -> None:
        batch = self.take(newest, size)
        if batch is None:
            return
        send(self.client, self.name, batch.telegrams)
        self.spool.append(self.telegrams(hearing))
        self.spool.acknowledge(batch)
        self.acknowledged |= {number_of(t.frame) for t in batch.telegrams}

    @rule(newest=st.booleans(), size=st.integers(1, 8))
    def upload_whose_answer_is_lost(self, newest: bool, size: int) -> None:
        batch = self.take(newest, size)
        if batch is not None:
            send(self.client, self.name, batch.telegrams)
            self.maybe |= {number_of(t.frame) for t in batch.telegrams}

    @rule(newest=st.booleans(), size=st.integers(1, 8))
    def upload_that_does_not_arrive(self, newest: bool, size: int) -> None:
        self.take(newest, size)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.path)

    @rule(many=st.integers(1, 4))
    def hear_without_room(self, many: int) -> None:
        self.spool.room = Room(limit_bytes=1, reserve_bytes=0)
        self.spool.append(self.telegrams(many))
        self.spool.room = Room()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        rows = self.hub.rows(
            "SELECT f.frame FROM raw_frame f JOIN gateway g ON g.id = f.gateway_id WHERE g.name = :name",
            name=self.name,
        )
        stored = [number_of(bytes(row["frame"])) for row in rows]
        assert len(stored) == len(set(stored))
        assert self.acknowledged <= set(stored) <= self.heard
        query = "SELECT frame FROM telegram"
        waiting = [number_of(row[0]) for row in self.spool._connection.execute(query)]
        assert len(waiting) == len(set(waiting)) == self.spool.depth
        gone = self.heard - set(stored) - set(waiting)
        assert len(gone) <= self.spool.dropped <= len(gone) + len(self.maybe)

    def teardown(self) -> None:
        self.spool.close()


@pytest.mark.slow
def test_any_interleaving_stores_once_and_counts_what_is_dropped(hub, clock, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "CHUNK", 4)
    monkeypatch.setattr(room, "DROPPED", 2)
    clock.now = datetime.now(UTC)
    machine = type("OnThisHub", (SpoolAndIngest,), {"hub": hub, "folder": tmp_path})
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))


@pytest.mark.slow
def test_gateways_that_overlap_repeat_shuffle_and_have_wrong_clocks_store_each_transmission_once(hub, clock):
    """1,600 transmissions, four gateways at once, one of them seven hours off; batches overlap and come again."""
    chance = random.Random(7)
    start = datetime.now(UTC) - timedelta(hours=6)
    clock.now = datetime.now(UTC)
    air = [HeardTelegram(a_frame(10**6 + n), start + timedelta(seconds=9 * n), -70, "T1") for n in range(1_600)]
    aheads = {"a": timedelta(), "b": timedelta(hours=-7), "c": timedelta(), "d": timedelta(seconds=4)}
    heard = {name: [t for t in air if chance.random() < 0.5] for name in aheads}
    tokens = {name: hub.gateway_token(name) for name in aheads}

    def deliver(name, url):
        client = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {tokens[name]}"}, timeout=60)
        own = random.Random(name)
        mine = list(heard[name])
        own.shuffle(mine)
        batches = [mine[n : n + 150] for n in range(0, len(mine), 100)]  # each overlaps the next by 50
        batches += own.sample(batches, 3)
        own.shuffle(batches)
        sums = [0, 0, 0]
        for batch in batches:
            answer = send(client, name, batch, ahead=aheads[name])
            assert answer["rejected"] == []
            counts = (answer["accepted"] + answer["quarantined"], answer["duplicates"], len(batch))
            sums = [s + c for s, c in zip(sums, counts, strict=True)]
        client.close()
        return sums

    with serving(hub.app) as url, ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(partial(deliver, url=url), aheads))
    union = {t.frame: t.received_at for name in heard for t in heard[name]}
    stored = hub.rows("SELECT frame, received_at FROM raw_frame")
    assert sum(new for new, _, _ in sums) == len(stored) == len(union)
    assert all(new + duplicates == sent for new, duplicates, sent in sums)
    for row in stored:
        assert abs(row["received_at"] - union[bytes(row["frame"])]) < timedelta(seconds=10)
    also = hub.rows("SELECT count(*) AS n FROM frame_heard")[0]["n"]
    assert also == sum(map(len, heard.values())) - len(union), "each further reception once"
    shifted = hub.rows("SELECT DISTINCT g.name FROM clock_shift s JOIN gateway g ON g.id = s.gateway_id")
    assert shifted == [{"name": "b"}]
    with hub.engine.connect() as connection:
        received = connection.execute(text("SELECT sum(received) FROM gateway_day")).scalar_one()
    assert received == sum(sent for _, _, sent in sums)


def test_a_spool_of_before_is_taken_over_with_what_is_in_it(tmp_path: Path):
    path = tmp_path / "spool.sqlite"
    spool = Spool(path)
    spool.append([HeardTelegram(a_frame(1), datetime.now(UTC), -70, "T1")])
    spool.close()
    with sqlite3.connect(path) as old:
        old.executescript("DROP TABLE kept; DROP TABLE note; PRAGMA user_version = 1;")
    old.close()
    spool = Spool(path)
    assert spool.depth == 1
    assert spool.keep_note("x", "y")
    spool.close()
