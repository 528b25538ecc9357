"""Programs that print telegrams as lines."""

import json

import pytest

from meterhub.gateway.dongle import DongleInfo, Event, Garbage, LinkMode, ReceivedFrame
from meterhub.gateway.dongles import hex_lines, rtl_433, rtl_wmbus
from tests.gateway.dongles.byte_streams import converse, feed_in_every_way

FRAME = bytes.fromhex("0F44AE0C785634120107780B13436587")
HEX = FRAME.hex().upper()
STAMP = "2024-01-01 00:00:00.000"
IN_JSON = {"model": "Wireless-MBus", "mode": "T", "M": "CEN", "id": 12345678, "data": HEX.lower(), "mic": "CRC"}


def events_of_rtl_wmbus(line: str) -> list[Event]:
    return feed_in_every_way(rtl_wmbus.DONGLE.new_codec, f"{line}\n".encode())


def test_rtl_wmbus_lines_give_frame_and_mode_and_no_strength_in_dbm() -> None:
    events = events_of_rtl_wmbus(f"C1;1;1;{STAMP};48;85;12345678;0x{HEX.lower()}")
    assert events == [ReceivedFrame(FRAME, None, 48, LinkMode.C1)]


def test_rtl_wmbus_lines_may_name_the_decoder() -> None:
    events = events_of_rtl_wmbus(f"rla;T1;1;1;{STAMP};48;85;12345678;0x{HEX}")
    assert events == [ReceivedFrame(FRAME, None, 48, LinkMode.T1)]


def test_relays_print_the_strength_in_dbm_and_leave_columns_empty() -> None:
    events = events_of_rtl_wmbus(f"T1;1;1;{STAMP}Z;-60;;;0x{HEX}")
    assert events == [ReceivedFrame(FRAME, -60.0, -60, LinkMode.T1)]


@pytest.mark.parametrize("checks", ["0;1", "1;0", "0;0"])
def test_rtl_wmbus_lines_whose_checks_failed_are_passed_over(checks: str) -> None:
    assert events_of_rtl_wmbus(f"T1;{checks};{STAMP};48;85;12345678;0x{HEX}") == []


@pytest.mark.parametrize(
    "line",
    [f"T1;1;1;{STAMP};48;85;12345678;0x{HEX[:-2]}", "usage: rtl_wmbus", f"T1;1;1;{STAMP};x;;;0x{HEX}", "\xff"],
)
def test_damaged_lines_are_noise(line: str) -> None:
    (event,) = rtl_wmbus.DONGLE.new_codec().feed(line.encode("latin-1") + b"\n")
    assert isinstance(event, Garbage)


def test_rtl_433_objects_give_frame_and_mode() -> None:
    line = json.dumps(IN_JSON).encode() + b"\n"
    assert feed_in_every_way(rtl_433.DONGLE.new_codec, line) == [ReceivedFrame(FRAME, link_mode=LinkMode.T1)]


@pytest.mark.parametrize("item", [IN_JSON | {"mic": "PARITY"}, {"model": "Acurite", "temperature_C": 3}, {}])
def test_rtl_433_objects_of_other_devices_or_unchecked_are_passed_over(item: dict[str, object]) -> None:
    assert rtl_433.DONGLE.new_codec().feed(json.dumps(item).encode() + b"\n") == []


@pytest.mark.parametrize("line", ["{", "[1]", "3", json.dumps(IN_JSON | {"data": HEX[:-2]})])
def test_what_is_no_json_object_or_cut_off_is_noise(line: str) -> None:
    (event,) = rtl_433.DONGLE.new_codec().feed(line.encode() + b"\n")
    assert isinstance(event, Garbage)


def test_hostile_lines_are_noise_too() -> None:
    (event,) = rtl_433.DONGLE.new_codec().feed(b"[" * 100_000 + b"\n")
    assert isinstance(event, Garbage)
    (event,) = rtl_wmbus.DONGLE.new_codec().feed(f"T1;1;1;{STAMP};-{'9' * 400};;;0x{HEX}\n".encode())
    assert isinstance(event, Garbage)
    (event,) = rtl_wmbus.DONGLE.new_codec().feed(f"T1;1;1;{STAMP};-60;;;0x0144\n".encode())
    assert isinstance(event, Garbage)


@pytest.mark.parametrize(
    "line",
    [
        HEX,
        HEX.lower(),
        f"telegram=|{HEX}|+12",
        f"telegram=|{HEX[:20]}|{HEX[20:]}|+0",
        f"{HEX[:4]} {HEX[4:8]}_{HEX[8:20]}|{HEX[20:]}:",
        "0F44AE0C785634120107 4447 780B13436587 1E6D",
    ],
)
def test_lines_of_hex_are_read_in_all_their_spellings(line: str) -> None:
    assert feed_in_every_way(hex_lines.DONGLE.new_codec, f"{line}\r\n".encode()) == [ReceivedFrame(FRAME)]


@pytest.mark.parametrize("line", ["", "# a comment", "   "])
def test_lines_without_a_frame_are_passed_over(line: str) -> None:
    assert hex_lines.DONGLE.new_codec().feed(f"{line}\n".encode()) == []


@pytest.mark.parametrize("line", ["0F44", f"{HEX}0", "0F44AE0C785634120107 4448 780B13436587 1E6D", "hello"])
def test_lines_of_damaged_hex_are_noise(line: str) -> None:
    (event,) = hex_lines.DONGLE.new_codec().feed(f"{line}\n".encode())
    assert isinstance(event, Garbage)


def test_a_text_source_needs_no_setting_up() -> None:
    with pytest.raises(StopIteration) as stop:
        converse(rtl_433.DONGLE.new_codec().set_up(LinkMode.CT))
    assert stop.value.value == DongleInfo("rtl_433", "", "", LinkMode.CT)
