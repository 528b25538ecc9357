"""The spool's quota, a disk that is really full, and catching up after a long time without the hub."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meterhub.gateway import room
from meterhub.gateway.room import Room
from meterhub.gateway.spool import HeardTelegram, Spool
from meterhub.gateway.uplink import Delivered
from meterhub.gateway.uploader import CATCH_UP_FROM, Uploader
from tests.gateway.telegrams import a_frame, number_of, some_telegrams
from tests.gateway.test_thinning import a_frame as a_meters_frame

START = datetime(2026, 3, 1, tzinfo=UTC)
MB = 2**20


def a_week(meters: int, every: timedelta) -> Iterator[HeardTelegram]:
    """Telegrams of some meters over a week, in order of time."""
    for step in range(timedelta(days=7) // every):
        for meter in range(meters):
            yield HeardTelegram(a_meters_frame(f"{meter:08}", 0, step), START + step * every, -70, "T1")


def test_a_week_without_network_keeps_the_last_of_each_hour_and_counts_the_rest(tmp_path: Path):
    meters, every = 20, timedelta(minutes=5)
    spool = Spool(tmp_path / "spool.sqlite", Room(limit_bytes=MB, reserve_bytes=0))
    heard = list(a_week(meters, every))
    for first in range(0, len(heard), 200):
        spool.append(heard[first : first + 200])
    kept = spool.oldest(len(heard)).telegrams
    assert spool.depth + spool.dropped == len(heard)
    assert len(kept) == spool.depth
    assert spool.used_bytes() < 1.1 * MB
    hours = {(t.frame[2:10], (t.received_at - START) // timedelta(hours=1)) for t in kept}
    assert len(hours) == meters * 7 * 24, "of every meter every hour is there"
    last = {(t.frame[2:10], (t.received_at - START) // timedelta(hours=1)): t for t in heard}
    assert set(last.values()) <= set(kept), "and of each the last"
    assert list(kept[-room.CHUNK :]) == heard[-room.CHUNK :], "the newest are whole"
    dropped = spool.dropped
    spool.close()
    again = Spool(tmp_path / "spool.sqlite")
    assert again.dropped == dropped, "the count outlives the process"
    again.close()


def test_when_all_is_thinned_the_oldest_go(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    spool = Spool(tmp_path / "spool.sqlite", Room(limit_bytes=MB, reserve_bytes=0))
    count = 60_000
    for first in range(0, count, 500):
        telegrams = [
            HeardTelegram(a_meters_frame(f"{number:08}"), START + timedelta(seconds=number), -70, "T1")
            for number in range(first, first + 500)
        ]
        spool.append(telegrams)
    assert spool.depth + spool.dropped == count
    assert spool.dropped > 0
    assert spool.used_bytes() < 1.2 * MB
    assert spool.newest(1).telegrams[0].frame == a_meters_frame(f"{count - 1:08}")
    assert caplog.text.count("SPOOL IS FULL") == 1
    spool.close()


def test_what_is_being_uploaded_is_not_dropped(tmp_path: Path):
    spool = Spool(tmp_path / "spool.sqlite", Room(limit_bytes=1, reserve_bytes=0))
    spool.append(some_telegrams(0, 100))
    batch = spool.oldest(50)
    spool.append(some_telegrams(100, 1))
    spool.append(some_telegrams(101, 1))
    spool.acknowledge(batch)
    assert spool.depth == 102 - 50 - spool.dropped
    kept = spool.oldest(1000)
    assert len(kept.telegrams if kept else ()) == spool.depth
    spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_full_stops_no_reading_and_loses_nothing_that_fits_in_memory(small_disk: Path):
    spool = Spool(small_disk / "spool.sqlite", Room(limit_bytes=10 * MB, reserve_bytes=0))
    appended, on_disk = 0, True
    while on_disk:
        on_disk = spool.append(some_telegrams(appended, 500))
        appended += 500
    spool.append(some_telegrams(appended, 500))
    appended += 500
    assert (spool.depth, spool.lost, spool.dropped) == (appended, 0, 0)
    taken: list[int] = []
    while len(taken) < appended:
        batch = spool.oldest(1000)
        if batch is None:
            assert spool.append(()), "once there is room, what waited in memory is stored"
            continue
        taken += [number_of(t.frame) for t in batch.telegrams]
        spool.acknowledge(batch)
        spool.append(())
    assert sorted(taken) == list(range(appended)), "each once, although the disk was full"
    spool.close()


def test_a_spool_that_leaves_the_disk_its_reserve_gives_up_telegrams_instead_of_filling_it(small_disk: Path):
    spool = Spool(small_disk / "spool.sqlite", Room(limit_bytes=10 * MB, reserve_bytes=MB // 2))
    heard = 0
    for first in range(0, 20_000, 250):
        spool.append(some_telegrams(first, 250))
        heard += 250
    assert spool.depth + spool.dropped == heard
    assert spool.dropped > 0
    spool.close()


class Counting:
    """A hub that takes everything; remembers the numbers in order."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def rest_s(self) -> float:
        return 0.0

    def send(self, telegrams: tuple[HeardTelegram, ...], spool_depth: int) -> Delivered:
        self.batches.append([number_of(t.frame) for t in telegrams])
        return Delivered(accepted=len(telegrams), duplicates=0, quarantined=0, rejected=[])


def test_what_is_heard_now_does_not_wait_behind_a_week_of_the_past(tmp_path: Path):
    spool, hub, size = Spool(tmp_path / "spool.sqlite"), Counting(), 100
    backlog = 40 * size
    spool.append(some_telegrams(0, backlog))
    uploader = Uploader(spool, hub, size)
    live, waited = backlog, {}
    steps = 0
    while spool.depth:
        spool.append(some_telegrams(live, 10))
        waited |= dict.fromkeys(range(live, live + 10), steps)
        live += 10 if steps < 200 else 0
        uploader.step()
        steps += 1
        for number in hub.batches[-1]:
            if spool.depth > CATCH_UP_FROM * size and number in waited:
                assert steps - waited[number] <= 2, "live telegrams are there after two uploads"
    everything = sorted(number for batch in hub.batches for number in batch)
    assert everything == list(range(live)), "each once, nothing left out"
    spool.close()


def test_uploads_leave_the_rest_of_the_line_to_others(tmp_path: Path):
    class Slow(Counting):
        def rest_s(self) -> float:
            return 7.5

    spool = Spool(tmp_path / "spool.sqlite")
    spool.append([HeardTelegram(a_frame(n), START, None, None) for n in range(20)])
    assert Uploader(spool, Slow(), 10).step() == 7.5
    spool.close()
