from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus import Address, Legacy, SecurityResult, decode, values
from meterhub.wmbus.encode import DataRecord, Message, encode
from meterhub.wmbus.legacy import date_bytes

METER = Address("SEN", "12345678", 0x68, 0x07)
TODAY = date.fromisoformat("2026-11-21")
KEYS = {2: bytes(range(8)), 3: bytes(range(8)), 4: bytes(range(16))}
RECORDS = (DataRecord.of("0413", Decimal("7.704")), DataRecord.of("046D", "2026-11-21 08:30"))


def sealed(mode, header="short") -> bytes:
    return encode(Message(METER, RECORDS, header, mode=mode, key=KEYS[mode], on=TODAY))


@pytest.mark.parametrize("mode", [2, 3, 4])
@pytest.mark.parametrize("header", ["short", "long"])
def test_obsolete_protection_is_opened_with_consent(mode, header) -> None:
    telegram = decode(sealed(mode, header), KEYS[mode], legacy=Legacy(TODAY))
    assert telegram.readings["total_m3"] == Decimal("7.704")
    assert (telegram.security, telegram.security_mode) == (SecurityResult.DECRYPTED, mode)
    assert telegram.diagnostics == ()


@pytest.mark.parametrize("mode", [2, 3, 4])
def test_obsolete_protection_stays_closed_without_consent(mode) -> None:
    telegram = decode(sealed(mode), KEYS[mode])
    assert (telegram.security, telegram.readings) == (SecurityResult.UNSUPPORTED, {})
    assert [entry.code for entry in telegram.diagnostics] == ["mode-obsolete"]


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_the_meter_may_be_a_day_off(days: int) -> None:
    telegram = decode(sealed(3), KEYS[3], legacy=Legacy(TODAY + timedelta(days)))
    assert telegram.security is SecurityResult.DECRYPTED


@pytest.mark.parametrize("day", [None, TODAY - timedelta(40)])
def test_mode_3_is_not_believed_without_the_right_date(day: date | None) -> None:
    telegram = decode(sealed(3), KEYS[3], legacy=Legacy(day))
    assert [entry.code for entry in telegram.diagnostics] == ["date-unproven"]
    assert (telegram.security, telegram.readings) == (SecurityResult.UNSUPPORTED, {})


def test_mode_3_is_not_believed_without_a_clock() -> None:
    frame = encode(Message(METER, RECORDS[:1], mode=3, key=KEYS[3], on=TODAY))
    telegram = decode(frame, KEYS[3], legacy=Legacy(TODAY))
    assert [entry.code for entry in telegram.diagnostics] == ["date-unproven"]


def test_mode_3_is_not_sent_without_a_date() -> None:
    with pytest.raises(ValueError, match="date"):
        encode(Message(METER, RECORDS, mode=3, key=KEYS[3]))


@pytest.mark.parametrize("mode", [2, 3, 4])
@pytest.mark.parametrize(
    ("key", "result"), [(None, "key-missing"), (b"\xff", "key-missing"), ("other", "key-wrong")]
)
def test_a_wrong_key_of_an_obsolete_mode_is_told(mode, key, result: str) -> None:
    if key == "other":
        key = bytes(reversed(KEYS[mode]))
    assert decode(sealed(mode), key, legacy=Legacy(TODAY)).security.value == result


def test_a_cut_payload_is_reported() -> None:
    frame = sealed(2)[:-9]
    telegram = decode(bytes((len(frame) - 1,)) + frame[1:], KEYS[2], legacy=Legacy())
    assert [entry.code for entry in telegram.diagnostics] == ["payload-truncated"]


@given(st.dates(date(1981, 1, 1), date(2080, 12, 31)))
def test_dates_are_read_back(day: date) -> None:
    assert values.moment(date_bytes(day)) == day


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (1, "maker"),
        (6, "reserved"),
        (8, "AES-CTR with CMAC"),
        (9, "AES-GCM"),
        (10, "AES-CCM"),
        (11, "reserved"),
        (13, "TLS"),
        *((mode, "maker") for mode in range(16, 32)),
    ],
)
def test_a_mode_that_is_not_read_is_named(mode: int, name: str) -> None:
    frame = bytearray(encode(replace(Message(METER, RECORDS), application=bytes(range(32)))))
    frame[14] = mode
    for consent in (None, Legacy(TODAY)):
        telegram = decode(bytes(frame), KEYS[4], legacy=consent)
        assert telegram.security is SecurityResult.UNSUPPORTED
        (note,) = telegram.diagnostics
        assert note.code == "mode-unsupported"
        assert f"mode {mode}, " in note.message
        assert name in note.message
