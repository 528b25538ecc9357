"""Which ports are searched, in which order, and what is known of them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from meterhub.gateway import ports
from meterhub.gateway.devices import searched
from meterhub.gateway.dongles import dongle_models
from meterhub.gateway.ports import Port, hinted, plugged_in, serial_ports, to_search

CP210X, FTDI, SDR = (0x10C4, 0xEA60), (0x0403, 0x6001), (0x0BDA, 0x2838)
MODELS = searched(dongle_models())


def test_ports_are_listed_with_the_name_that_stays_those_on_usb_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    console, usb = tmp_path / "ttyS0", tmp_path / "ttyUSB0"
    for device in (console, usb):
        device.touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    stable = by_id / "usb-IMST_iM871A"
    stable.symlink_to(usb)
    found = [
        SimpleNamespace(device=str(console), vid=None, pid=None, description="n/a"),
        SimpleNamespace(device=str(usb), vid=CP210X[0], pid=CP210X[1], description="CP2102 bridge"),
    ]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: found)
    monkeypatch.setattr(ports, "STABLE_NAMES", by_id)
    assert serial_ports() == [
        Port(str(usb), str(stable), CP210X, "CP2102 bridge"),
        Port(str(console), str(console)),
    ]


def test_only_ports_on_usb_that_nobody_has_taken_are_searched(tmp_path: Path) -> None:
    link = tmp_path / "modem"
    link.symlink_to("/dev/ttyUSB1")
    plugged = [Port(f"/dev/ttyUSB{n}", f"/dev/ttyUSB{n}", FTDI) for n in range(3)]
    found = to_search([*plugged, Port("/dev/ttyS0", "/dev/ttyS0")], [str(link), "/dev/ttyUSB2"])
    assert found == [plugged[0]]


@pytest.mark.parametrize(
    ("usb_id", "first"),
    [
        (CP210X, ["im871a"]),
        ((0x04B4, 0x0003), ["iu891a"]),
        (FTDI, ["amber", "cul"]),
        ((0x1A86, 0x7523), ["amber"]),
    ],
)
def test_likely_kinds_are_tried_first_and_the_others_after_them(usb_id: tuple[int, int], first: list[str]) -> None:
    names = [model.name for model in hinted(MODELS, Port("/dev/x", "/dev/x", usb_id))]
    assert names[: len(first)] == first
    assert sorted(names) == sorted(model.name for model in MODELS)


def test_radio_sticks_are_seen_although_they_are_no_serial_ports(tmp_path: Path) -> None:
    for folder, ids in {"1-1": ("0bda", "2838"), "1-2": ("10c4", "ea60"), "1-1:1.0": None}.items():
        (tmp_path / folder).mkdir()
        for name, value in zip(("idVendor", "idProduct"), ids or (), strict=False):
            (tmp_path / folder / name).write_text(f"{value}\n")
    assert plugged_in({SDR, FTDI}, tmp_path) == [SDR]
    assert plugged_in({SDR}, tmp_path / "none") == []
