"""The simulated iM871A on its pseudo-terminal, read as a program reads a serial port."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from meterhub.gateway.dongle import DongleInfo, Event, LinkMode, ReceivedFrame, Response
from meterhub.gateway.dongles.im871a import IM871A
from meterhub.simulate.dongles.im871a import SimulatedIM871A

FRAME = bytes.fromhex("0F44AE0C785634120107780B13436587")


@pytest.fixture
def dongle() -> Iterator[SimulatedIM871A]:
    with SimulatedIM871A() as dongle:
        yield dongle


@pytest.fixture
def port(dongle: SimulatedIM871A) -> Iterator[serial.Serial]:
    with serial.Serial(dongle.device_path, 57600, timeout=1) as port:
        yield port


def read_for_ever(port: serial.Serial) -> None:
    while True:
        port.read(port.in_waiting or 1)


def ask(port: serial.Serial, request: str, answer_length: int) -> str:
    port.write(bytes.fromhex(request))
    return port.read(answer_length).hex()


def read_events(port: serial.Serial, codec: IM871A, count: int) -> list[Event]:
    events: list[Event] = []
    end = time.monotonic() + 5
    while len(events) < count and time.monotonic() < end:
        events += codec.feed(port.read(port.in_waiting or 1))
    return events


def set_up(port: serial.Serial, mode: LinkMode) -> tuple[IM871A, DongleInfo]:
    codec = IM871A()
    conversation = codec.set_up(mode)
    request = next(conversation)
    while True:
        port.write(request.data)
        (event,) = read_events(port, codec, 1)
        assert isinstance(event, Response)
        try:
            request = conversation.send(event)
        except StopIteration as stop:
            return codec, stop.value


def test_ping_is_answered_byte_for_byte(port: serial.Serial) -> None:
    assert ask(port, "A5010100", 6) == "a58102004ca3"


def test_setting_the_link_mode_is_confirmed_byte_for_byte(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    assert ask(port, "A5010306 00020A300100", 6) == "a58104009cf7"
    assert dongle.link_mode == 0x0A


def test_the_gateways_codec_sets_it_up(port: serial.Serial) -> None:
    _, info = set_up(port, LinkMode.CT)
    assert info == DongleInfo("iM871A", "22001234", "14", LinkMode.CT)


def test_a_reset_forgets_the_link_mode(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    set_up(port, LinkMode.T1)
    assert ask(port, "A5010700", 6).startswith("a5810800")
    assert dongle.link_mode == 0x02


@pytest.mark.parametrize(
    ("mode", "hears"),
    [
        (LinkMode.CT, {"T1", "C1"}),
        (LinkMode.T1, {"T1"}),
        (LinkMode.C1, {"C1"}),
        (LinkMode.S1, {"S1"}),
    ],
)
def test_only_telegrams_of_the_link_mode_are_heard(
    dongle: SimulatedIM871A, port: serial.Serial, mode: LinkMode, hears: set[str]
) -> None:
    set_up(port, mode)
    assert {sent for sent in ("S1", "T1", "C1") if dongle.transmit(FRAME, link_mode=sent)} == hears
    assert dongle.unheard == 3 - len(hears)


def test_nothing_is_heard_before_the_link_mode_is_set(dongle: SimulatedIM871A) -> None:
    assert not dongle.transmit(FRAME)
    assert dongle.unheard == 1


def test_telegrams_carry_the_signal_strength_and_no_time(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    codec, _ = set_up(port, LinkMode.CT)
    assert dongle.transmit(FRAME, rssi_dbm=-71)
    (event,) = read_events(port, codec, 1)
    assert isinstance(event, ReceivedFrame)
    assert event.frame == FRAME
    assert event.rssi_dbm == pytest.approx(-71, abs=0.3)
    assert event.ticks is None


def test_time_stamps_are_sent_when_asked_for(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    codec, _ = set_up(port, LinkMode.CT)
    assert ask(port, "A5010304 00002001", 6) == "a58104009cf7"
    dongle.transmit(FRAME)
    (event,) = read_events(port, codec, 1)
    assert isinstance(event, ReceivedFrame)
    assert event.ticks is not None


def test_noise_on_the_line_costs_no_telegram(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    codec, _ = set_up(port, LinkMode.CT)
    dongle.inject(b"\xa5\x00\xff\xa5")
    dongle.transmit(FRAME)
    frames: list[bytes] = []
    end = time.monotonic() + 5
    while not frames and time.monotonic() < end:
        frames += [event.frame for event in read_events(port, codec, 1) if isinstance(event, ReceivedFrame)]
    assert frames == [FRAME]


def test_transmitting_waits_when_nobody_reads_and_everything_arrives(
    dongle: SimulatedIM871A, port: serial.Serial
) -> None:
    codec, _ = set_up(port, LinkMode.CT)
    count = 12_000
    sender = threading.Thread(target=lambda: [dongle.transmit(FRAME) for _ in range(count)])
    sender.start()
    time.sleep(0.1)
    assert dongle.sent < count
    assert len(read_events(port, codec, count)) == count
    sender.join()
    assert dongle.drain()
    assert dongle.sent == count


def test_telegrams_wait_while_no_program_has_the_port_open(dongle: SimulatedIM871A) -> None:
    with serial.Serial(dongle.device_path, 57600, timeout=1) as port:
        set_up(port, LinkMode.CT)
    assert dongle.transmit(FRAME)
    assert not dongle.drain(0.1)
    assert dongle.sent == 0


def test_unplugging_ends_the_port_and_replugging_brings_it_back_unconfigured(
    dongle: SimulatedIM871A, port: serial.Serial
) -> None:
    set_up(port, LinkMode.CT)
    dongle.unplug()
    assert not Path(dongle.device_path).exists()
    assert not dongle.transmit(FRAME)
    with pytest.raises(OSError, match=r"disconnected|Input/output error"):
        read_for_ever(port)
    dongle.replug()
    with serial.Serial(dongle.device_path, 57600, timeout=1) as again:
        assert dongle.link_mode == 0x02
        assert ask(again, "A5010100", 6) == "a58102004ca3"


def test_a_deaf_dongle_answers_and_hears_again_after_a_reset(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    set_up(port, LinkMode.CT)
    dongle.fault = "deaf"
    assert not dongle.transmit(FRAME)
    ask(port, "A5010700", 6)
    set_up(port, LinkMode.CT)
    assert dongle.transmit(FRAME)


def test_a_hung_dongle_answers_nothing(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    dongle.fault = "hung"
    port.timeout = 0.1
    assert ask(port, "A5010100", 6) == ""


def test_repeating_sends_what_went_out_lately(dongle: SimulatedIM871A, port: serial.Serial) -> None:
    codec, _ = set_up(port, LinkMode.CT)
    dongle.transmit(FRAME)
    read_events(port, codec, 1)
    assert dongle.repeat(last_s=0) == 0
    assert dongle.repeat(last_s=60) == 1
    assert len(read_events(port, codec, 1)) == 1


def test_a_frame_whose_length_is_wrong_cannot_be_transmitted(dongle: SimulatedIM871A) -> None:
    with pytest.raises(ValueError, match="L field says 15 bytes, 14 follow"):
        dongle.transmit(FRAME[:-1])
