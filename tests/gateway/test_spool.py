"""The spool: what is in it stays in it until the hub has it."""

import logging
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meterhub.gateway import spool as spool_module
from meterhub.gateway.spool import HeardTelegram, RejectedTelegram, Spool
from meterhub.gateway.spool_file import SpoolError
from tests.gateway.telegrams import a_telegram, number_of, some_telegrams


def everything(spool: Spool) -> list[HeardTelegram]:
    batch = spool.oldest(1_000_000)
    return [] if batch is None else list(batch.telegrams)


def test_telegrams_come_back_as_they_were_and_oldest_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    bare = HeardTelegram(b"\x00\xff", datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC), None, None)
    spool.append([a_telegram(2), a_telegram(1)])
    spool.append([bare])
    assert everything(spool) == [a_telegram(2), a_telegram(1), bare]
    spool.close()


def test_only_the_acknowledged_batch_leaves(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 10))
    batch = spool.oldest(4)
    assert batch is not None
    spool.append(some_telegrams(10, 2))
    spool.acknowledge(batch)
    assert everything(spool) == some_telegrams(4, 8)
    assert spool.depth == 8
    spool.close()


def test_a_restart_finds_what_was_left(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 3))
    spool.close()
    again = Spool(tmp_path / "spool.sqlite")
    assert everything(again) == some_telegrams(0, 3)
    assert again.depth == 3
    again.close()


def test_row_numbers_are_not_used_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    last_ids = []
    for number in range(3):
        spool = Spool(path)
        spool.append([a_telegram(number)])
        batch = spool.oldest(10)
        assert batch is not None
        last_ids.append(batch.last_id)
        spool.acknowledge(batch)
        spool.close()
    assert last_ids == [1, 2, 3]


def test_rejected_telegrams_are_kept_aside_with_their_reason(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 2))
    batch = spool.oldest(10)
    assert batch is not None
    rejected = RejectedTelegram(batch.telegrams[1], "frame.too-short", "3 bytes are no frame")
    spool.acknowledge(batch, [rejected])
    assert spool.rejected() == [rejected]
    assert spool.depth == 0
    spool.close()


def test_rejected_telegrams_are_bounded_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "REJECTED_LIMIT", 3)
    spool = Spool(tmp_path / "spool.sqlite")
    for number in range(5):
        spool.append([a_telegram(number)])
        batch = spool.oldest(10)
        assert batch is not None
        spool.acknowledge(batch, [RejectedTelegram(batch.telegrams[0], "code", "message")])
    assert [item.telegram for item in spool.rejected()] == some_telegrams(2, 3)
    spool.close()


def test_others_cannot_read_the_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append([a_telegram(1)])
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    spool.close()


def test_two_gateways_cannot_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    with pytest.raises(SpoolError, match="in use by another gateway"):
        Spool(tmp_path / "spool.sqlite")
    spool.close()
    Spool(tmp_path / "spool.sqlite").close()


def test_the_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photo (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(SpoolError, match="no spool of meterhub"):
        Spool(path)
    assert path.read_bytes() == before


def test_a_spool_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    Spool(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 3")
    other.close()
    with pytest.raises(SpoolError, match="newer meterhub"):
        Spool(path)


def fill_disk(spool: Spool) -> None:
    (pages,) = spool._connection.execute("PRAGMA page_count").fetchone()
    spool._connection.execute(f"PRAGMA max_page_count = {pages}")


def empty_disk(spool: Spool) -> None:
    spool._connection.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_reported_and_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 100))
    fill_disk(spool)
    assert not spool.append(some_telegrams(100, 500))
    assert not spool.append(some_telegrams(600, 1))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "full" in caplog.text
    assert everything(spool) == some_telegrams(0, 100)
    assert spool.depth == 601
    empty_disk(spool)
    assert spool.append([])
    assert everything(spool) == some_telegrams(0, 601)
    assert spool.lost == 0
    spool.close()


def test_what_neither_disk_nor_memory_holds_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "MEMORY_LIMIT", 300)
    spool = Spool(tmp_path / "spool.sqlite")
    fill_disk(spool)
    assert not spool.append(some_telegrams(0, 310))
    assert spool.lost == 10
    empty_disk(spool)
    assert spool.append([])
    assert everything(spool) == some_telegrams(0, 300)
    spool.close()


def test_an_acknowledgement_that_cannot_be_written_is_made_up_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 4))
    batch = spool.oldest(2)
    assert batch is not None
    spool._connection.execute("PRAGMA query_only = ON")
    spool.acknowledge(batch, [RejectedTelegram(batch.telegrams[0], "code", "message")])
    assert everything(spool) == some_telegrams(2, 2)
    spool._connection.execute("PRAGMA query_only = OFF")
    rest = spool.oldest(1)
    assert rest is not None
    spool.acknowledge(rest)
    assert spool._connection.execute("SELECT count(*) FROM telegram").fetchone() == (1,)
    assert [item.telegram for item in spool.rejected()] == some_telegrams(0, 1)
    spool.close()


def set_aside_files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.corrupt-*") if path.suffix == ".sqlite" or path.name[-1] == "Z"]


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"this was a spool once " * 500)
    spool = Spool(path)
    spool.append([a_telegram(1)])
    assert everything(spool) == [a_telegram(1)]
    (aside,) = set_aside_files(tmp_path)
    assert aside.read_bytes().startswith(b"this was a spool once")
    assert f"set aside as {aside}" in caplog.text
    spool.close()


def test_damage_found_while_running_sets_the_file_aside_and_loses_nothing_new(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    Spool(path).close()
    spool = Spool(path)
    spool.append(some_telegrams(0, 2000))
    old_batch = spool.oldest(10)
    assert old_batch is not None
    spool._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool._connection.execute("PRAGMA cache_size = 1")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    spool.append(some_telegrams(5000, 1))
    spool.append(some_telegrams(5001, 2))
    assert len(set_aside_files(tmp_path)) == 1
    assert everything(spool) == some_telegrams(5000, 3)
    spool.acknowledge(old_batch)
    assert everything(spool) == some_telegrams(5000, 3)
    assert spool.depth == 3
    spool.close()


class SpoolMachine(RuleBasedStateMachine):
    """Any order of appends, uploads, kills and full disks, against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="meterhub-spool-"))
        self.generation = 0
        self.spool = Spool(self.folder / "0.sqlite")
        self.stored: list[HeardTelegram] = []
        self.in_memory: list[HeardTelegram] = []
        self.full = False
        self.next_number = 0

    @rule(count=st.integers(0, 40))
    def append(self, count: int) -> None:
        new = some_telegrams(self.next_number, count)
        self.next_number += count
        if self.spool.append(new):
            self.stored += self.in_memory + new
            self.in_memory = []
        else:
            assert self.full
            self.in_memory += new

    @rule(limit=st.integers(1, 50), acknowledge=st.booleans())
    def upload(self, limit: int, acknowledge: bool) -> None:
        batch = self.spool.oldest(limit)
        assert list(batch.telegrams if batch else ()) == self.stored[:limit]
        if batch and acknowledge:
            self.spool.acknowledge(batch)
            del self.stored[:limit]

    @rule()
    def kill(self) -> None:
        """What a killed process leaves behind is what its files hold at that moment."""
        self.generation += 1
        new = self.folder / f"{self.generation}.sqlite"
        old = self.folder / f"{self.generation - 1}.sqlite"
        for suffix in ("", "-wal", "-shm"):
            if Path(f"{old}{suffix}").exists():
                shutil.copy(f"{old}{suffix}", f"{new}{suffix}")
        self.spool.close()
        self.spool = Spool(new)
        self.in_memory, self.full = [], False

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.folder / f"{self.generation}.sqlite")
        self.in_memory, self.full = [], False

    @precondition(lambda self: not self.full)
    @rule()
    def fill_disk(self) -> None:
        fill_disk(self.spool)
        self.full = True

    @precondition(lambda self: self.full)
    @rule()
    def empty_disk(self) -> None:
        empty_disk(self.spool)
        self.full = False

    @invariant()
    def everything_stored_is_there(self) -> None:
        assert everything(self.spool) == self.stored
        assert self.spool.depth == len(self.stored) + len(self.in_memory)
        assert self.spool.lost == 0

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


WRITER = """
import sys
from pathlib import Path
from meterhub.gateway.spool import Spool
from tests.gateway.telegrams import some_telegrams
spool = Spool(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    spool.append(some_telegrams(number, 7))
    number += 7
    print(number, flush=True)
"""


def test_kill_minus_nine_at_random_moments_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    chance = random.Random(20260301)
    stored = 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "spool.sqlite"), str(stored)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.2))
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        spool = Spool(tmp_path / "spool.sqlite")
        numbers = [number_of(telegram.frame) for telegram in everything(spool)]
        spool.close()
        told = int(lines[-1]) if lines else stored + 7
        assert numbers == list(range(len(numbers)))
        assert told <= len(numbers) <= told + 7
        stored = len(numbers)


def test_the_log_of_a_working_spool_is_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        spool = Spool(tmp_path / "spool.sqlite")
        spool.append(some_telegrams(0, 5))
        spool.close()
    assert caplog.records == []
