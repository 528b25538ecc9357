"""How dongles are named on the command line."""

import doctest
import os
from pathlib import Path

import pytest

from meterhub.gateway import devices
from meterhub.gateway.devices import Device, parse_device, short_name, split_devices
from meterhub.gateway.dongle import LinkMode
from meterhub.gateway.dongles import dongle_models

KNOWN = dongle_models()
DEFAULT = Device("", devices.searched(KNOWN), LinkMode.CT)


@pytest.mark.parametrize(
    ("text", "path", "kind", "mode"),
    [
        ("/dev/ttyUSB0", "/dev/ttyUSB0", None, "C/T"),
        ("/dev/ttyUSB0@S1", "/dev/ttyUSB0", None, "S1"),
        ("/dev/ttyUSB0@c/t", "/dev/ttyUSB0", None, "C/T"),
        ("/dev/ttyUSB0@CT", "/dev/ttyUSB0", None, "C/T"),
        ("/dev/ttyUSB0@cul", "/dev/ttyUSB0", "cul", "C/T"),
        ("/dev/ttyUSB0@cul,T1", "/dev/ttyUSB0", "cul", "T1"),
        ("/dev/ttyUSB0@T1, cul", "/dev/ttyUSB0", "cul", "T1"),
        ("auto@T1", "auto", None, "T1"),
        ("socket://box:5000@amber,C1", "socket://box:5000", "amber", "C1"),
        ("socket://me@box:5000", "socket://me@box:5000", None, "C/T"),
        ("exec:ssh pi@roof rtl_wmbus", "exec:ssh pi@roof rtl_wmbus", None, "C/T"),
        ("exec:ssh pi@roof rtl_wmbus@rtl_wmbus", "exec:ssh pi@roof rtl_wmbus", "rtl_wmbus", "C/T"),
        ("-@hex_lines", "-", "hex_lines", "C/T"),
    ],
)
def test_link_mode_and_kind_stand_behind_the_device(text: str, path: str, kind: str | None, mode: str) -> None:
    device = parse_device(text, KNOWN, DEFAULT)
    assert (device.path, device.link_mode) == (path, mode)
    assert device.models == (DEFAULT.models if kind is None else (KNOWN[kind],))


@pytest.mark.parametrize("text", ["/dev/ttyUSB0@S3", "/dev/ttyUSB0@", "/dev/ttyUSB0@cul,X"])
def test_what_behind_the_device_is_unknown_is_told_with_what_is_known(text: str) -> None:
    with pytest.raises(ValueError, match=r"behind @ stand a link mode .* or amber, im871a"):
        parse_device(text, KNOWN, DEFAULT)


def test_a_device_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="names no device"):
        parse_device("@S1", KNOWN, DEFAULT)


def test_a_device_whose_own_name_holds_an_at_is_found(tmp_path: Path) -> None:
    pipe = tmp_path / "odd@name"
    os.mkfifo(pipe)
    assert parse_device(str(pipe), KNOWN, DEFAULT).path == str(pipe)


def test_the_environment_variable_is_split_at_blanks_up_to_a_program() -> None:
    assert split_devices("") == []
    assert split_devices(" /dev/a@S1  auto ") == ["/dev/a@S1", "auto"]
    assert split_devices("exec:a | b@hex_lines") == ["exec:a | b@hex_lines"]
    assert doctest.testmod(devices).failed == 0


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/dev/ttyUSB0", "ttyUSB0"),
        ("/dev/serial/by-id/usb-IMST_GmbH_iM871A_0001-if00-port0", "usb-IMST_GmbH_iM871A_0001-if00-port0"),
        ("exec:" + "x" * 100, "exec:" + "x" * 54 + "…"),
    ],
)
def test_the_log_calls_a_device_by_a_short_name(path: str, name: str) -> None:
    assert short_name(path) == name
