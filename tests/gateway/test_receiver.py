"""The receiver on a simulated dongle: found, configured, read, and started anew when it fails."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest

from meterhub.gateway import dialogue as dialogue_module
from meterhub.gateway import receiver as receiver_module
from meterhub.gateway.dongle import Event, LinkMode, ReceivedFrame
from meterhub.gateway.dongles.im871a import DONGLE, IM871A
from meterhub.gateway.receiver import Receiver, StoreError
from meterhub.gateway.spool import HeardTelegram
from meterhub.gateway.transport import Line
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.dongles.pseudo_terminal import PseudoTerminal
from tests.gateway.telegrams import a_frame


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "REOPEN_FIRST_S", 0.02)
    monkeypatch.setattr(dialogue_module, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(receiver_module, "QUIET_AFTER_S", 0.1)


@pytest.fixture
def dongle() -> Iterator[SimulatedIM871A]:
    with SimulatedIM871A() as dongle:
        yield dongle


class Station:
    """A receiver in its thread, and what it has stored."""

    def __init__(self, device: str, mode: LinkMode = LinkMode.CT, silence_s: float = 60.0) -> None:
        self.stored: list[HeardTelegram] = []
        self.stop = threading.Event()
        self.receiver = Receiver(
            "tower",
            partial(Line, device),
            [DONGLE],
            mode,
            self.store,
            silence_s=silence_s,
            reopen_limit_s=receiver_module.REOPEN_LIMIT_S,
        )
        self.thread = threading.Thread(target=self.receiver.run, args=(self.stop,))
        self.thread.start()

    def store(self, telegrams: Sequence[HeardTelegram]) -> None:
        self.stored += telegrams

    def frames(self) -> list[bytes]:
        return [telegram.frame for telegram in self.stored]

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


@pytest.fixture
def station(dongle: SimulatedIM871A) -> Iterator[Station]:
    station = Station(dongle.device_path)
    yield station
    station.end()


def eventually(condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def receiving(station: Station) -> bool:
    return eventually(lambda: station.receiver.dongle is not None)


def test_what_the_dongle_hears_is_stored_with_strength_mode_and_time(
    dongle: SimulatedIM871A, station: Station
) -> None:
    assert receiving(station)
    dongle.transmit(a_frame(1), rssi_dbm=-83)
    assert eventually(lambda: len(station.stored) == 1)
    (telegram,) = station.stored
    assert (telegram.frame, telegram.rssi_dbm, telegram.link_mode) == (a_frame(1), -83, "C/T")
    assert abs(telegram.received_at.timestamp() - time.time()) < 5


def test_a_dongle_that_is_pulled_out_and_put_back_is_configured_again(
    dongle: SimulatedIM871A, station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert receiving(station)
    dongle.transmit(a_frame(1))
    assert eventually(lambda: len(station.stored) == 1)
    dongle.unplug()
    assert eventually(lambda: station.receiver.dongle is None)
    assert eventually(lambda: "no dongle" in caplog.text)
    dongle.replug()
    assert dongle.wait_until_hearing("T1")
    dongle.transmit(a_frame(2))
    assert eventually(lambda: station.frames() == [a_frame(1), a_frame(2)])
    assert caplog.text.count("iM871A 22001234, firmware 14, listens to C/T") == 2


def test_a_deaf_dongle_is_reset_and_configured_again(dongle: SimulatedIM871A) -> None:
    station = Station(dongle.device_path, silence_s=0.4)
    assert receiving(station)
    dongle.fault = "deaf"
    assert eventually(lambda: (1, 7) in dongle.requests)
    assert dongle.wait_until_hearing("T1")
    assert dongle.transmit(a_frame(1))
    assert eventually(lambda: station.frames() == [a_frame(1)])
    station.end()


def test_resets_of_a_receiver_that_hears_nothing_become_rarer(dongle: SimulatedIM871A) -> None:
    station = Station(dongle.device_path, silence_s=0.2)
    assert eventually(lambda: dongle.requests.count((1, 7)) >= 2)
    second_at = time.monotonic()
    assert eventually(lambda: dongle.requests.count((1, 7)) >= 3)
    assert time.monotonic() - second_at > 0.6
    station.end()


def test_a_hung_dongle_is_told_and_used_again_after_a_power_cycle(
    dongle: SimulatedIM871A, caplog: pytest.LogCaptureFixture
) -> None:
    station = Station(dongle.device_path, silence_s=0.3)
    assert receiving(station)
    dongle.fault = "hung"
    assert eventually(lambda: "no answer to ping" in caplog.text)
    assert "does not even answer a reset" in caplog.text
    dongle.unplug()
    dongle.replug()
    assert dongle.wait_until_hearing("T1")
    dongle.transmit(a_frame(1))
    assert eventually(lambda: station.frames() == [a_frame(1)])
    station.end()


def test_noise_alone_makes_it_open_the_line_anew(
    dongle: SimulatedIM871A, station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    assert receiving(station)
    for _ in range(100):
        dongle.inject(b"\x00noise")
        time.sleep(0.005)
        if "stretches of noise in a row" in caplog.text:
            break
    assert eventually(lambda: "20 stretches of noise in a row" in caplog.text)
    assert eventually(lambda: dongle.requests.count((1, 1)) == 2)
    assert receiving(station)
    dongle.transmit(a_frame(1))
    assert eventually(lambda: station.frames() == [a_frame(1)])


def test_half_a_message_followed_by_silence_does_not_swallow_the_next_telegram(
    dongle: SimulatedIM871A, station: Station
) -> None:
    assert receiving(station)
    dongle.inject(bytes.fromhex("A5C203FF44AE"))
    assert eventually(lambda: station.receiver.garbage > 0)
    dongle.transmit(a_frame(1))
    assert eventually(lambda: station.frames() == [a_frame(1)])


def test_telegrams_that_come_in_while_the_dongle_is_set_up_are_stored(dongle: SimulatedIM871A) -> None:
    first = Station(dongle.device_path)
    assert receiving(first)
    first.end()
    for number in range(50):
        assert dongle.transmit(a_frame(number))
    second = Station(dongle.device_path)
    assert receiving(second)
    assert dongle.drain()
    dongle.transmit(a_frame(50))
    assert eventually(lambda: a_frame(50) in second.frames())
    second.end()
    heard = second.frames()
    assert heard == [a_frame(number) for number in range(51)][-len(heard) :]


def test_a_device_that_answers_nothing_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with PseudoTerminal("mute", lambda data: None) as port:
        station = Station(port.device_path)
        assert eventually(lambda: "no dongle" in caplog.text)
        time.sleep(0.7)
        station.end()
    assert [record.getMessage() for record in caplog.records] == [
        "tower: no dongle: IMST iM871A: no answer to ping; trying again"
    ]


def test_a_dongle_that_cannot_do_the_link_mode_says_what_to_change(caplog: pytest.LogCaptureFixture) -> None:
    with SimulatedIM871A(firmware=0x13) as dongle:
        station = Station(dongle.device_path)
        assert eventually(lambda: "set link mode T1 or C1" in caplog.text)
        station.end()


class FaultyCodec(IM871A):
    """A codec with a bug: the third byte chunk makes it raise."""

    def feed(self, data: bytes) -> list[Event]:
        if b"poison" in data:
            raise ZeroDivisionError
        return super().feed(data)


def test_a_fault_in_a_codec_is_told_and_the_dongle_started_anew(
    dongle: SimulatedIM871A, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.gateway.test_receiver.DONGLE", replace(DONGLE, new_codec=FaultyCodec))
    monkeypatch.setattr(receiver_module, "REOPEN_LIMIT_S", 0.1)
    station = Station(dongle.device_path)
    assert receiving(station)
    dongle.inject(b"poison")
    assert eventually(lambda: "tower: internal error, please report it" in caplog.text)
    assert eventually(lambda: dongle.requests.count((1, 1)) == 2)
    assert receiving(station)
    dongle.transmit(a_frame(1))
    assert eventually(lambda: station.frames() == [a_frame(1)])
    station.end()


@pytest.mark.parametrize(("dbm", "told"), [(-71.4, -71), (-201.0, None), (51.0, None), (1e300, None)])
def test_a_strength_that_cannot_be_true_is_left_out(dbm: float, told: int | None) -> None:
    stored: list[HeardTelegram] = []
    receiver = Receiver("x", partial(Line, ""), [DONGLE], LinkMode.CT, stored.extend, silence_s=60)
    receiver._take([ReceivedFrame(a_frame(1), dbm)])
    assert [telegram.rssi_dbm for telegram in stored] == [told]


def test_a_store_that_fails_ends_the_receiver_with_the_reason(dongle: SimulatedIM871A) -> None:
    def store(telegrams: Sequence[HeardTelegram]) -> None:
        raise OSError("read-only file system")

    receiver = Receiver("tower", partial(Line, dongle.device_path), [DONGLE], LinkMode.CT, store, silence_s=60)
    with pytest.raises(StoreError, match="telegrams of tower cannot be stored: read-only file system"):
        receiver.run(threading.Event())


def test_two_gateways_cannot_read_one_dongle(dongle: SimulatedIM871A, station: Station) -> None:
    assert receiving(station)
    with pytest.raises(OSError, match="lock"):
        Line(dongle.device_path, 57600)
