import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus.captures import (
    Captured,
    Line,
    Unusable,
    csv_table,
    hex_lines,
    in_text,
    json_lines,
    parse_hex,
    read_capture,
    rtl_433,
    rtl_wmbus,
    wmbusmeters,
)
from meterhub.wmbus.captures.found import Outcome

FRAME = "0F44AE0C7856341201074447780B134365871E6D"
TRIMMED = "0F44AE0C785634120107780B13436587"
PARSERS: list[Callable[[str], Outcome]] = [
    hex_lines.parse,
    in_text.parse,
    json_lines.parse,
    rtl_433.parse,
    rtl_wmbus.parse,
    wmbusmeters.parse,
    lambda line: csv_table.parse(line, csv_table.Table(",", 1)),
]
ALPHABET = st.sampled_from("0123456789ABCDEFabcdefxX;|_:-, \t\"'{}[]=+Ttelgram\u00e9\u2028\ud83d")
TEXT = st.text(ALPHABET, max_size=80) | st.text(max_size=80)


def one(line: str) -> Line:
    (found,) = read_capture([line])
    return found


def frame_in(line: str) -> tuple[str, str]:
    found = one(line)
    assert isinstance(found.found, Captured), found
    return found.format, found.found.frame.hex().upper()


def code_of(line: str) -> tuple[str, str]:
    found = one(line)
    assert isinstance(found.found, Unusable), found
    return found.format, found.found.code


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (FRAME, "hex"),
        (FRAME.lower(), "hex"),
        ("0x" + FRAME, "hex"),
        ("|" + FRAME[:8] + "_" + FRAME[8:] + "|", "hex"),
        (":".join(FRAME[at : at + 2] for at in range(0, len(FRAME), 2)), "hex"),
        (f"telegram=|{FRAME}|+32", "wmbusmeters"),
        (f"// telegram=|{FRAME[:20]}|{FRAME[20:]}|", "wmbusmeters"),
        (f"2024-03-01 (wmbus) telegram=||{FRAME}|+7", "wmbusmeters"),
        (f"T1;1;1;2020-05-28 22:22:56.000;26;27;12345678;0x{FRAME}", "rtl_wmbus"),
        (f"rla;C1;1;1;2024-01-01 00:00:00.00Z;-60;;;0x{FRAME}", "rtl_wmbus"),
        (json.dumps({"model": "Wireless-MBus", "M": "CEN", "data": FRAME, "mic": "CRC"}), "rtl_433"),
        (json.dumps({"frame": FRAME, "key": None}), "json"),
        (json.dumps({"id": 1, "telegram": FRAME.lower()}), "json"),
        (f"2024-01-01 10:00:00 {FRAME} -70", "text"),
        (f"10:00:00,-70 dBm,{TRIMMED}", "text"),
    ],
)
def test_a_frame_is_found_in_each_format(line: str, expected: str) -> None:
    wanted = TRIMMED if TRIMMED in line else FRAME
    assert frame_in(line) == (expected, wanted)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"T1;0;1;2020-05-28 22:22:56.000;26;27;12345678;0x{FRAME}", ("rtl_wmbus", "receiver-crc")),
        (f"T1;1;0;2020-05-28 22:22:56.000;26;27;12345678;0x{FRAME}", ("rtl_wmbus", "receiver-crc")),
        (json.dumps({"model": "Wireless-MBus", "M": "CEN", "data": FRAME}), ("rtl_433", "receiver-crc")),
        (json.dumps({"model": "Acurite-606TX", "id": 12}), ("rtl_433", "other-device")),
        (json.dumps({"media": "water", "meter": "multical21", "id": "76348799"}), ("json", "no-telegram")),
        (json.dumps({"note": "nothing"}), ("json", "no-telegram")),
        ('{"frame": "0F', ("json", "bad-json")),
        ('{"a":' * 20_000, ("json", "bad-json")),
        (f"telegram=|{FRAME[:-1]}|+32", ("wmbusmeters", "bad-hex")),
        ("telegram=||+32", ("wmbusmeters", "bad-hex")),
        (FRAME.replace("7", "X", 1), ("hex", "bad-hex")),
        ("(wmbus) started config rtlwmbus on stdin", ("", "unknown-line")),
        ("2024-01-01 10:00:00", ("", "unknown-line")),
        ("key=000102030405060708090A0B0C0D0E0F", ("", "unknown-line")),
    ],
)
def test_a_line_without_a_usable_frame_says_why(line: str, expected: tuple[str, str]) -> None:
    assert code_of(line) == expected


def test_blank_lines_and_comments_are_passed_over_and_lines_keep_their_numbers() -> None:
    lines = ["\ufeff# from the water tower\n", "\n", FRAME + "\r\n", "what is this?\n", f"telegram=|{FRAME}|+1\n"]
    assert [(line.number, line.format) for line in read_capture(lines)] == [
        (3, "hex"),
        (4, ""),
        (5, "wmbusmeters"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["Frame", "telegram", "RAW", "payload"])
def test_the_frames_column_of_a_table_is_found_by_its_name(separator: str, name: str) -> None:
    lines = [
        separator.join(cells) for cells in (("time", name, "rssi"), ("10:00", f'"{FRAME}"', "-70"), ("10:01",))
    ]
    first, second = read_capture(lines)
    assert isinstance(first.found, Captured)
    assert (first.number, first.format, first.found.frame.hex().upper()) == (2, "csv", FRAME)
    assert isinstance(second.found, Unusable)
    assert second.found.code == "bad-csv"


def test_another_column_is_taken_when_it_is_named() -> None:
    lines = ["frame,Roh Daten", f"x,{FRAME}"]
    (found,) = read_capture(lines, "roh daten")
    assert isinstance(found.found, Captured)
    (missing, row) = read_capture(lines, "nowhere")
    assert isinstance(missing.found, Unusable)
    assert (missing.number, missing.found.code) == (1, "no-column")
    assert isinstance(row.found, Captured)


def test_a_table_may_consist_of_the_one_column_that_is_named() -> None:
    (found,) = read_capture(["bytes", FRAME], "bytes")
    assert (found.number, found.format) == (2, "csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0G", "frame: character 2, 'G', is not a hex digit"),
        ("  0x12 3Z", "frame: character 9, 'Z', is not a hex digit"),
        ("123", "frame: 3 hex digits are an odd number, two make a byte"),
        ("12\u00a034", "frame: character 3, '\\xa0', is not a hex digit"),
    ],
)
def test_the_first_wrong_character_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("\\", "\\\\") + "$"):
        parse_hex(text)


def test_a_secret_is_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"^key: character 3 is not a hex digit$"):
        parse_hex("00Z1", "key", secret=True)


@given(st.binary(min_size=11, max_size=60), st.sampled_from(["", " ", "_", ":", "|", "-"]), st.booleans())
def test_hex_is_read_with_any_separator(frame: bytes, separator: str, upper: bool) -> None:
    text = frame.hex(separator) if separator else frame.hex()
    assert parse_hex(text.upper() if upper else text) == frame


@pytest.mark.parametrize("parse", PARSERS)
@given(line=TEXT)
def test_no_parser_fails_on_any_line(parse: Callable[[str], Outcome], line: str) -> None:
    found = parse(line)
    if isinstance(found, Captured):
        assert found.frame
    elif found is not None:
        assert found.code
        assert found.message


@given(st.lists(TEXT, max_size=6), st.none() | TEXT)
def test_every_line_that_says_something_is_answered_once(lines: list[str], column: str | None) -> None:
    numbers = [line.number for line in read_capture(lines, column)]
    said = [
        number
        for number, line in enumerate(lines, 1)
        if (text := line.strip("\ufeff\r\n \t\0")) and not text.startswith("#")
    ]
    assert numbers in (said, said[1:])
