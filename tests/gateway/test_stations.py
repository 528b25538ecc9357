"""Several dongles on one gateway: named ones, found ones, and what one's trouble does to the others."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from meterhub.gateway import dialogue, receiver, stations
from meterhub.gateway.devices import AUTO, Device, searched
from meterhub.gateway.dongle import LinkMode
from meterhub.gateway.dongles import dongle_models
from meterhub.gateway.ports import Port
from meterhub.gateway.spool import HeardTelegram
from meterhub.gateway.stations import Stations
from meterhub.simulate.dongles.amber import SimulatedAmber
from meterhub.simulate.dongles.cul import SimulatedCUL
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.dongles.pseudo_terminal import PseudoTerminal
from meterhub.simulate.dongles.radio import SimulatedDongle
from tests.gateway.telegrams import a_frame

KNOWN = dongle_models()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "REOPEN_FIRST_S", 0.02)
    monkeypatch.setattr(stations, "REOPEN_LIMIT_S", 0.2)
    monkeypatch.setattr(stations, "FOUND_REOPEN_LIMIT_S", 0.2)
    monkeypatch.setattr(stations, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(dialogue, "ANSWER_TIMEOUT_S", 0.5)


class Gateway:
    """Stations, what they have stored, and the ports that are plugged in."""

    def __init__(self) -> None:
        self.stored: list[HeardTelegram] = []
        self.ports: list[Port] = []
        self.stations: Stations | None = None

    def begin(self, *devices: Device, do_not_probe: Sequence[str] = ()) -> Stations:
        self.stations = Stations(devices, do_not_probe, self.stored.extend, silence_s=60, ports=lambda: self.ports)
        return self.stations

    def frames(self) -> set[bytes]:
        return {telegram.frame for telegram in self.stored}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    if gateway.stations is not None:
        assert gateway.stations.stop(60)


def eventually(condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def a_device(path: str, kind: str, mode: LinkMode = LinkMode.CT) -> Device:
    return Device(path, (KNOWN[kind],), mode)


def test_dongles_of_several_kinds_and_link_modes_hear_into_one_store(gateway: Gateway) -> None:
    with SimulatedIM871A() as im871a, SimulatedCUL() as cul, SimulatedAmber() as amber:
        began = gateway.begin(
            a_device(im871a.device_path, "im871a", LinkMode.S1),
            a_device(cul.device_path, "cul", LinkMode.T1),
            a_device(amber.device_path, "amber"),
        )
        assert eventually(lambda: all(receiver.dongle for receiver in began.receivers))
        for number, (dongle, mode) in enumerate(((im871a, "S1"), (cul, "T1"), (amber, "C1"))):
            assert dongle.wait_until_hearing(mode)
            assert dongle.transmit(a_frame(number), link_mode=mode)
        assert not im871a.transmit(a_frame(9), link_mode="C1")
        assert eventually(lambda: gateway.frames() == {a_frame(0), a_frame(1), a_frame(2)})
        assert {telegram.link_mode for telegram in gateway.stored} == {"S1", "T1", "C/T"}
        status = began.status()
    assert f"{im871a.device_path} iM871A 22001234: heard 1, noise 0; " in status
    assert f"{amber.device_path} Amber 0042a7f1: heard 1, noise 0" in status


def test_a_dongle_that_hangs_floods_or_goes_does_not_disturb_the_others(gateway: Gateway) -> None:
    with SimulatedIM871A() as good, SimulatedIM871A() as hung, SimulatedCUL() as gone, SimulatedAmber() as loud:
        began = gateway.begin(
            a_device(hung.device_path, "im871a"),
            a_device(gone.device_path, "cul"),
            a_device(loud.device_path, "amber"),
            a_device("socket://127.0.0.1:1", "cul"),
            a_device(good.device_path, "im871a"),
        )
        for dongle in (good, hung, gone, loud):
            assert dongle.wait_until_hearing("T1")
        hung.fault = "hung"
        gone.unplug()
        for number in range(200):
            loud.inject(b"\xff\x03\x00noise" * 20)
            assert good.transmit(a_frame(number))
        assert eventually(lambda: len(gateway.frames()) == 200)
        assert began.dead() == []
        gone.replug()
        assert gone.wait_until_hearing("T1")
        assert gone.transmit(a_frame(200))
        assert eventually(lambda: a_frame(200) in gateway.frames())


def auto(*kinds: str) -> Device:
    return Device(AUTO, tuple(KNOWN[kind] for kind in kinds) or searched(KNOWN), LinkMode.CT)


def on_usb(dongle: SimulatedDongle | PseudoTerminal, usb_id: tuple[int, int] = (0x0403, 0x6001)) -> Port:
    return Port(dongle.device_path, dongle.device_path, usb_id)


def test_dongles_on_usb_are_found_lost_and_found_again(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with SimulatedIM871A() as first, SimulatedCUL() as second:
        began = gateway.begin(auto())
        began.look()
        began.look()
        assert caplog.text.count("no serial port on USB") == 1
        gateway.ports = [on_usb(first, (0x10C4, 0xEA60))]
        began.look()
        assert first.wait_until_hearing("T1")
        gateway.ports.append(on_usb(second))
        began.look()
        assert second.wait_until_hearing("T1")
        assert len(began.receivers) == 2
        assert eventually(lambda: all(found.dongle for found in began.receivers))
        first.unplug()
        gateway.ports.pop(0)
        assert eventually(lambda: began.receivers[0].dongle is None)
        began.look()
        assert len(began.receivers) == 1
        assert "gone" in caplog.text
        first.replug()
        gateway.ports.append(on_usb(first))
        began.look()
        assert first.wait_until_hearing("T1")
        assert first.transmit(a_frame(1))
        assert second.transmit(a_frame(2))
        assert eventually(lambda: gateway.frames() == {a_frame(1), a_frame(2)})
        assert began.dead() == []


def test_named_and_forbidden_ports_are_not_searched(gateway: Gateway) -> None:
    written: list[bytes] = []
    with PseudoTerminal("modem", written.append) as modem, SimulatedCUL() as cul, SimulatedIM871A() as im871a:
        gateway.ports = [on_usb(modem), on_usb(cul), on_usb(im871a)]
        began = gateway.begin(
            auto(), a_device(cul.device_path, "cul", LinkMode.T1), do_not_probe=[modem.device_path]
        )
        began.look()
        assert im871a.wait_until_hearing("T1")
        assert cul.wait_until_hearing("T1")
        assert len(began.receivers) == 2
        assert written == []


def test_ports_that_cannot_be_listed_for_a_moment_cost_nothing(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with SimulatedIM871A() as dongle:
        gateway.ports = [on_usb(dongle)]
        began = gateway.begin(auto("im871a"))

        def fail() -> list[Port]:
            raise FileNotFoundError("/dev/serial/by-id")

        began._ports, ports = fail, began._ports
        began.look()
        assert "cannot list the serial ports" in caplog.text
        began._ports = ports
        began.look()
        assert dongle.wait_until_hearing("T1")
