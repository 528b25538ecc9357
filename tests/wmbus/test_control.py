from dataclasses import replace
from decimal import Decimal

import pytest

from meterhub.wmbus import Address, FormatStore, SecurityResult, TelegramKind, decode
from meterhub.wmbus.control import C_FIELDS
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode, encode_format

KEY = bytes(range(16))
METER = Address("CEN", "12345678", 1, 7)
RECORDS = (DataRecord.of("0413", Decimal("7.704")), DataRecord.of("02FD17", 0))
HEARD = Message(METER, RECORDS)


def codes(frame: bytes, formats: FormatStore | None = None) -> list[str]:
    return [entry.code for entry in decode(frame, KEY, formats).diagnostics]


@pytest.mark.parametrize(
    ("c_field", "kind"),
    [
        (0x44, "data"),
        (0x46, "installation"),
        (0x08, "data"),
        (0x18, "data"),
        (0x28, "data"),
        (0x38, "data"),
        (0x47, "access-number"),
        (0x48, "alarm-pending"),
        *((foreign, "foreign") for foreign in (0x40, 0x43, 0x53, 0x73, 0x5A, 0x7A, 0x5B, 0x7B, 0x06, 0x00, 0x01)),
        (0x64, "unknown"),
    ],
)
def test_each_c_field_says_what_the_frame_is_for(c_field: int, kind: str) -> None:
    telegram = decode(encode(replace(HEARD, c_field=c_field)))
    assert telegram.kind == TelegramKind(kind)
    assert ("total_m3" in telegram.readings) == (kind != "foreign")
    expected = {"foreign": ["foreign"], "alarm-pending": ["alarm-pending"], "unknown": ["c-field-unknown"]}
    assert [entry.code for entry in telegram.diagnostics] == expected.get(kind, [])


def test_the_talk_of_other_collectors_is_named() -> None:
    for c_field, (name, kind) in C_FIELDS.items():
        if kind is TelegramKind.FOREIGN:
            (note,) = decode(encode(replace(HEARD, c_field=c_field))).diagnostics
            assert note.message.startswith(name)


@pytest.mark.parametrize(
    ("ci", "code"),
    [
        *((ci, "command-to-meter") for ci in (0x50, 0x51, 0x52, 0x5A, 0x5B, 0x80)),
        *((ci, "dlms-to-meter") for ci in (0x60, 0x61)),
        *((ci, "clock-to-meter") for ci in (0x6C, 0x6D)),
        *((ci, "network-layer") for ci in (0x81, 0x87, 0x88, 0x89)),
        *((ci, "manufacturer-specific") for ci in range(0xA0, 0xB8)),
        *((ci, "baud-rate") for ci in range(0xB8, 0xC0)),
        *((ci, "image-transfer") for ci in (0xC0, 0xC1, 0xC2)),
        *((ci, "security-transfer") for ci in (0xC3, 0xC4, 0xC5)),
        (0x86, "variable-unsupported"),
        (0xFF, "ci-unknown"),
    ],
)
def test_each_ci_field_that_is_not_read_is_named_and_its_bytes_are_kept(ci: int, code: str) -> None:
    body = b"\x44" + encode(HEARD)[2:10] + bytes((ci,)) + b"\x11\x22\x33"
    telegram = decode(bytes((len(body),)) + body)
    assert [entry.code for entry in telegram.diagnostics] == [code]
    assert telegram.diagnostics[0].offset == 10
    assert telegram.security is SecurityResult.UNSUPPORTED
    assert telegram.payload == bytes((ci,)) + b"\x11\x22\x33"
    assert telegram.readings == {}


@pytest.mark.parametrize(
    ("ci", "code"),
    [
        (0x66, "select-response"),
        (0x67, "select-response"),
        (0x68, "select-response"),
        (0x7C, "dlms"),
        (0x7D, "dlms"),
        (0x7E, "obis"),
        (0x7F, "obis"),
    ],
)
def test_other_applications_are_opened_and_kept_as_they_are(ci: int, code: str) -> None:
    mode = 0 if ci == 0x66 else 5  # without a header nothing announces encryption
    content = bytes.fromhex("C001C100030100010800FF0200")
    telegram = decode(encode(replace(HEARD, ci=ci, application=content, mode=mode, key=KEY)), KEY)
    assert [entry.code for entry in telegram.diagnostics] == [code]
    assert content in telegram.payload
    assert telegram.meter == METER
    assert telegram.readings == {}


@pytest.mark.parametrize("ci", [0x6E, 0x6F, 0x70])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x08", "application too busy"),
        (b"\x01", "CI-field not implemented"),
        (b"\xf0", "code F0"),
        (b"", "without"),
    ],
)
def test_an_application_error_is_an_alarm_and_says_why(ci: int, content: bytes, words: str) -> None:
    frame = encode(replace(HEARD, ci=ci, records=(), application=content))
    telegram = decode(frame)
    assert telegram.alarms == ("application_error",)
    assert telegram.diagnostics[0].code == "application-error"
    assert words in telegram.diagnostics[0].message


@pytest.mark.parametrize("ci", [0x71, 0x74, 0x75])
def test_an_alarm_telegram_is_an_alarm(ci: int) -> None:
    telegram = decode(encode(replace(HEARD, ci=ci, application=b"\x41")))
    assert telegram.alarms == ("unspecified",)
    assert telegram.readings == {"status": "UNSPECIFIED"}
    assert "41" in telegram.diagnostics[0].message
    assert decode(encode(replace(HEARD, ci=ci, application=b"\x00"))).alarms == ()


def test_an_encrypted_alarm_telegram_is_opened_first() -> None:
    frame = encode(replace(HEARD, ci=0x74, application=b"\x41", mode=5, key=KEY))
    assert decode(frame).alarms == ()
    assert decode(frame, KEY).alarms == ("unspecified",)


def test_diehl_sends_its_own_protocol_with_the_ci_of_alarms() -> None:
    meter = METER._replace(manufacturer="HYD", device_version=0x33)
    telegram = decode(encode(replace(HEARD, link=meter, ci=0x71, application=b"\x41")))
    assert telegram.alarms == ()
    assert telegram.diagnostics[0].code == "manufacturer-specific"


@pytest.mark.parametrize("ci", [0x8A, 0x8B])
def test_a_frame_with_a_transport_header_only_shows_status_and_access_number(ci: int) -> None:
    frame = encode(replace(HEARD, ci=ci, records=(), access_number=42, status=0x04))
    telegram = decode(frame)
    assert (telegram.access_number, telegram.alarms) == (42, ("low_battery",))
    assert [entry.code for entry in telegram.diagnostics] == ["transport-only"]


@pytest.mark.parametrize(("ci", "mode"), [(0x69, 0), (0x6A, 0), (0x6B, 0), (0x6A, 5), (0x6B, 7)])
@pytest.mark.parametrize("length", [b"", b"\x07"])
def test_a_format_frame_lets_compact_frames_be_read(ci: int, mode, length: bytes) -> None:
    formats = FormatStore()
    compact = encode(replace(HEARD, compact=True))
    assert codes(compact, formats) == ["format-unknown"]
    announced = length + encode_format(RECORDS)
    assert codes(encode(replace(HEARD, ci=ci, application=announced, mode=mode, key=KEY)), formats) == []
    assert decode(compact, None, formats).readings["total_m3"] == Decimal("7.704")


@pytest.mark.parametrize(
    "announced", [b"", b"\x12\x34" + encode_format(RECORDS)[2:], crc16(b"\x04").to_bytes(2, "little") + b"\x04"]
)
def test_a_format_frame_of_unknown_layout_teaches_nothing(announced: bytes) -> None:
    formats = FormatStore()
    assert codes(encode(replace(HEARD, ci=0x6A, records=(), application=announced)), formats) == [
        "format-unreadable"
    ]
    assert formats.learned() == {}


@pytest.mark.parametrize("bits", range(4))
def test_hop_and_repeated_access_are_told(bits: int) -> None:
    cc = 0x20 | (bits & 1) << 4 | (bits & 2)
    telegram = decode(encode(replace(HEARD, extended=ExtendedLink(cc=cc))))
    assert (telegram.relayed, telegram.repeated_access) == (bool(bits & 1), bool(bits & 2))
    bare = decode(encode(HEARD))
    assert (bare.relayed, bare.repeated_access) == (False, False)


def test_the_variable_extended_link_layer_shows_its_access_number_and_hop() -> None:
    body = b"\x44" + encode(HEARD)[2:10] + b"\x86\x30\x17\x00\x00"
    telegram = decode(bytes((len(body),)) + body)
    assert (telegram.access_number, telegram.relayed) == (0x17, True)
