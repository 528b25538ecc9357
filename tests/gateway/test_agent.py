"""The whole gateway as a process: simulated dongle on a pseudo-terminal, real HTTP to a hub that records.

Exactly once, made precise: a telegram that is in the spool when the gateway is killed reaches the hub, and the
hub's deduplication makes it one. A telegram that was read but not yet committed, or not yet read, is lost by
the kill as if it had not been heard on the air. Real meters repeat each telegram every few seconds, so the
simulated dongle does too: after a kill it transmits again what went out from `REPEAT_S` before the kill on.
"""

import random
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meterhub.simulate.dongles.im871a import SimulatedIM871A
from tests.gateway.gateway_process import GatewayProcess
from tests.gateway.local_hub import Fault, LocalHub
from tests.gateway.telegrams import a_frame, number_of

REPEAT_S = 2.0


@pytest.fixture
def dongle() -> Iterator[SimulatedIM871A]:
    with SimulatedIM871A() as dongle:
        yield dongle


def eventually(condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def set_ups(dongle: SimulatedIM871A) -> int:
    """How often the dongle has been configured and read back."""
    return dongle.requests.count((1, 5))


def in_spool(path: Path) -> set[int]:
    """Numbers of the telegrams that a killed gateway left in its spool."""
    with sqlite3.connect(path) as connection:
        frames = {number_of(frame) for (frame,) in connection.execute("SELECT frame FROM telegram")}
    connection.close()
    return frames


def at_hub(hub: LocalHub) -> list[int]:
    return [number_of(bytes.fromhex(frame)) for frame in list(hub.frames)]


def test_telegrams_go_from_the_air_to_the_hub_in_order(
    tmp_path: Path, dongle: SimulatedIM871A, hub: LocalHub
) -> None:
    with GatewayProcess(tmp_path, dongle.device_path, hub.url, "--name", "tower", "--batch", "100") as gateway:
        assert dongle.wait_until_hearing("T1")
        for number in range(1000):
            dongle.transmit(a_frame(number))
        assert hub.wait_for(1000)
        assert gateway.stop() == 0
        assert "iM871A 22001234, firmware 14, listens to C/T" in gateway.log
        assert "heard 1000, noise 0; delivered 1000, in spool 0, lost 0" in gateway.log
        assert a_frame(1).hex().upper() not in gateway.log.upper()
    assert at_hub(hub) == list(range(1000))
    assert hub.batches[0]["gateway"] == "tower"
    assert in_spool(gateway.spool_file) == set()


def test_kill_minus_nine_loses_nothing_that_the_gateway_has_spooled(
    tmp_path: Path, dongle: SimulatedIM871A, hub: LocalHub
) -> None:
    chance = random.Random(7)
    spooled: set[int] = set()
    number = 0
    for _ in range(4):
        hub.faults.extend([Fault(commit=True, cut_off=True), Fault(503), Fault(commit=True, delay_s=0.3)])
        done = set_ups(dongle)
        with GatewayProcess(tmp_path, dongle.device_path, hub.url, "--batch", "50") as gateway:
            assert eventually(lambda done=done: set_ups(dongle) > done)
            end = time.monotonic() + chance.uniform(0.3, 1.5)
            while time.monotonic() < end:
                dongle.transmit(a_frame(number))
                number += 1
                time.sleep(0.001)
            gateway.kill()
        spooled |= in_spool(gateway.spool_file) | set(at_hub(hub))
    hub.faults.clear()
    assert len(spooled) > 100
    with GatewayProcess(tmp_path, dongle.device_path, hub.url) as gateway:
        assert eventually(lambda: spooled <= set(at_hub(hub)))
        assert gateway.stop() == 0


def transmit_until(dongle: SimulatedIM871A, stop: threading.Event, transmitted: list[int]) -> None:
    number = 0
    while not stop.is_set():
        if dongle.transmit(a_frame(number)):
            transmitted.append(number)
            number += 1
        stop.wait(0.002)


def test_every_telegram_of_meters_that_repeat_themselves_is_stored_once_through_kills_in_mid_upload(
    tmp_path: Path, dongle: SimulatedIM871A, hub: LocalHub
) -> None:
    chance = random.Random(11)
    stop = threading.Event()
    transmitted: list[int] = []
    meters = threading.Thread(target=transmit_until, args=(dongle, stop, transmitted))
    killed_at = time.monotonic()
    for kill in range(5):
        done = set_ups(dongle)
        with GatewayProcess(tmp_path, dongle.device_path, hub.url, "--batch", "20") as gateway:
            assert eventually(lambda done=done: set_ups(dongle) > done)
            if kill == 0:
                meters.start()
            else:
                dongle.repeat(time.monotonic() - killed_at + REPEAT_S)
            time.sleep(chance.uniform(0.2, 1.2))
            hub.faults.append(Fault(commit=bool(kill % 2), delay_s=0.5))
            uploads = len(hub.requests)
            assert eventually(lambda uploads=uploads: len(hub.requests) > uploads)
            killed_at = time.monotonic()
            gateway.kill()
    done = set_ups(dongle)
    with GatewayProcess(tmp_path, dongle.device_path, hub.url) as gateway:
        assert eventually(lambda: set_ups(dongle) > done)
        dongle.repeat(time.monotonic() - killed_at + REPEAT_S)
        stop.set()
        meters.join()
        assert hub.wait_for(len(transmitted))
        assert dongle.drain()
        assert eventually(lambda: in_spool(gateway.spool_file) == set())
        assert gateway.stop() == 0
    assert sorted(at_hub(hub)) == transmitted


def test_a_hub_that_is_down_costs_nothing(tmp_path: Path, dongle: SimulatedIM871A) -> None:
    with LocalHub() as hub:
        url = hub.url
        port = int(url.rpartition(":")[2])
    with GatewayProcess(tmp_path, dongle.device_path, url) as gateway:
        assert dongle.wait_until_hearing("T1")
        dongle.transmit(a_frame(1))
        assert eventually(lambda: "hub unreachable, spooling" in gateway.log)
        dongle.transmit(a_frame(2))
        with LocalHub(port) as hub:
            assert hub.wait_for(2)
            assert eventually(lambda: "caught up: the spool is empty" in gateway.log)
        assert at_hub(hub) == [1, 2]


def test_memory_stays_small_with_the_largest_batches(
    tmp_path: Path, dongle: SimulatedIM871A, hub: LocalHub
) -> None:
    with GatewayProcess(tmp_path, dongle.device_path, hub.url, "--batch", "10000") as gateway:
        assert dongle.wait_until_hearing("T1")
        hub.faults.append(Fault(503))
        for number in range(30_000):
            dongle.transmit(a_frame(number))
        assert hub.wait_for(30_000)
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        (peak_kib,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        assert peak_kib < 80 * 1024
        assert max(len(batch["telegrams"]) for batch in hub.batches) == 10_000


def test_systemd_is_told_that_it_is_ready_alive_and_stopping(
    tmp_path: Path, dongle: SimulatedIM871A, hub: LocalHub
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = str(tmp_path / "notify")
        systemd.bind(address)
        systemd.settimeout(60)
        with GatewayProcess(tmp_path, dongle.device_path, hub.url, NOTIFY_SOCKET=address) as gateway:
            assert systemd.recv(1000) == b"READY=1"
            assert systemd.recv(1000).startswith(b"WATCHDOG=1\nSTATUS=")
            gateway.stop()
            told = [b""]
            while told[-1] != b"STOPPING=1":
                told.append(systemd.recv(1000))


def test_a_spool_in_use_ends_the_second_gateway_with_the_reason(
    tmp_path: Path, dongle: SimulatedIM871A, hub: LocalHub
) -> None:
    with GatewayProcess(tmp_path, dongle.device_path, hub.url) as first:
        assert dongle.wait_until_hearing("T1")
        with GatewayProcess(tmp_path, dongle.device_path, hub.url) as second:
            assert second.process.wait(60) == 1
            assert "in use by another gateway; give each its own --spool" in first.log
