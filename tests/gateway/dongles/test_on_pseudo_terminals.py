"""Every dongle, simulated on a pseudo-terminal, set up and read by the gateway's receiver."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from meterhub.gateway.dongle import LinkMode
from meterhub.gateway.dongles import dongle_models
from meterhub.gateway.ports import Port
from meterhub.gateway.receiver import Receiver
from meterhub.gateway.spool import HeardTelegram
from meterhub.gateway.survey import State, examine
from meterhub.gateway.transport import open_line
from meterhub.simulate.dongles.amber import SimulatedAmber
from meterhub.simulate.dongles.cul import SimulatedCUL
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.dongles.iu891a import SimulatedIU891A
from meterhub.simulate.dongles.radio import SimulatedDongle
from meterhub.simulate.dongles.rc1180 import SimulatedRC1180
from meterhub.simulate.dongles.text_source import simulated_hex_lines, simulated_rtl_433, simulated_rtl_wmbus
from tests.gateway.telegrams import a_frame

SIMULATED: dict[str, Callable[[], SimulatedDongle]] = {
    "amber": SimulatedAmber,
    "cul": SimulatedCUL,
    "hex_lines": simulated_hex_lines,
    "im871a": SimulatedIM871A,
    "iu891a": SimulatedIU891A,
    "rc1180": SimulatedRC1180,
    "rtl_433": simulated_rtl_433,
    "rtl_wmbus": simulated_rtl_wmbus,
}
PROGRAMS = {"hex_lines", "rtl_433", "rtl_wmbus"}
TELL_NO_STRENGTH = PROGRAMS | {"rc1180"}
MODELS = dongle_models()
HEARD_IN = {LinkMode.S1: ["S1"], LinkMode.T1: ["T1"], LinkMode.C1: ["C1"], LinkMode.CT: ["T1", "C1"]}
CASES = [(name, mode) for name in SIMULATED for mode in sorted(MODELS[name].link_modes)]
LONG_FRAME = bytes((200,)) + bytes.fromhex("44AE0C785634120107") + bytes(range(191))


def receive(
    name: str, mode: LinkMode, dongle: SimulatedDongle, play: Callable[[], None], count: int
) -> list[HeardTelegram]:
    """Run a receiver until it has stored so many telegrams; `play` runs once it is set up."""
    stored: list[HeardTelegram] = []
    stop = threading.Event()
    opener = partial(open_line, dongle.device_path)
    receiver = Receiver(name, opener, [MODELS[name]], mode, stored.extend, silence_s=60)
    thread = threading.Thread(target=receiver.run, args=(stop,))
    thread.start()
    end = time.monotonic() + 60
    while receiver.dongle is None and time.monotonic() < end:
        time.sleep(0.01)
    play()
    while len(stored) < count and time.monotonic() < end:
        time.sleep(0.01)
    stop.set()
    thread.join()
    return stored


def test_every_dongle_is_simulated() -> None:
    assert set(SIMULATED) == set(MODELS)


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_frames_come_through_with_their_strength(name: str, mode: LinkMode) -> None:
    with SIMULATED[name]() as dongle:
        frames = [a_frame(1), LONG_FRAME, a_frame(2)]
        sent = [(frame, meter_mode) for meter_mode in HEARD_IN[mode] for frame in frames]

        def play() -> None:
            assert dongle.wait_until_hearing(HEARD_IN[mode][0])
            for frame, meter_mode in sent:
                assert dongle.transmit(frame, -71, meter_mode)

        stored = receive(name, mode, dongle, play, len(sent))
    assert [telegram.frame for telegram in stored] == [frame for frame, _ in sent]
    strengths = {telegram.rssi_dbm for telegram in stored}
    assert strengths == ({None} if name in TELL_NO_STRENGTH else {-71})


@pytest.mark.parametrize("name", SIMULATED)
def test_noise_costs_no_telegram_once_the_line_is_quiet(name: str) -> None:
    with SIMULATED[name]() as dongle:

        def play() -> None:
            assert dongle.wait_until_hearing("T1")
            # programs pause within lines, so their noise ends with its line
            dongle.inject(b"\xa5\xc0\xff\x03\x7fb\x0f\x44noise" + (b"\n" if name in PROGRAMS else b""))
            time.sleep(1.6)
            for number in range(5):
                dongle.transmit(a_frame(number))

        stored = receive(name, LinkMode.T1, dongle, play, 5)
    assert [telegram.frame for telegram in stored] == [a_frame(number) for number in range(5)]


def test_memory_that_wears_out_is_written_only_when_it_must_be() -> None:
    with SimulatedAmber() as amber, SimulatedRC1180() as rc1180:
        for _ in range(2):
            for name, dongle in (("amber", amber), ("rc1180", rc1180)):
                receive(name, LinkMode.T1, dongle, lambda dongle=dongle: dongle.transmit(a_frame(1)), 1)
        assert (amber.resets, rc1180.writes) == (1, 3)


@pytest.mark.parametrize("name", sorted(set(SIMULATED) - PROGRAMS))
def test_it_says_who_it_is_when_asked_and_hears_no_more_than_before(name: str) -> None:
    with SIMULATED[name]() as dongle:
        heard_before = [mode for mode in ("S1", "T1", "C1") if dongle._hears(mode)]
        finding = examine(Port(dongle.device_path, dongle.device_path), [MODELS[name]])
        assert (finding.state, finding.kind) == (State.FOUND, name)
        assert [mode for mode in ("S1", "T1", "C1") if dongle._hears(mode)] == heard_before


@pytest.mark.parametrize("name", [name for name in SIMULATED if MODELS[name].probe_order is not None])
def test_an_unknown_dongle_is_found_by_its_answer(name: str) -> None:
    candidates = [model for model in MODELS.values() if model.probe_order is not None]
    with SIMULATED[name]() as dongle:
        stop = threading.Event()
        stored: list[HeardTelegram] = []
        opener = partial(open_line, dongle.device_path)
        receiver = Receiver(name, opener, candidates, LinkMode.T1, stored.extend, silence_s=60)
        thread = threading.Thread(target=receiver.run, args=(stop,))
        thread.start()
        assert dongle.wait_until_hearing("T1")
        assert dongle.transmit(a_frame(1))
        end = time.monotonic() + 60
        while not stored and time.monotonic() < end:
            time.sleep(0.01)
        stop.set()
        thread.join()
        assert [telegram.frame for telegram in stored] == [a_frame(1)]
