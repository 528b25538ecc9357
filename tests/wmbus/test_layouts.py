"""The quick way against the general parser, which is its oracle."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.wmbus import Address, FormatStore, FrameError, LinkFrame, Telegram, decode, strip_crc, telegram
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode
from meterhub.wmbus.layouts import _LAYOUTS_A_MODEL, _MODELS, _layouts, forget, read_known
from tests.wmbus.fixture_files import Fixture, fixtures

KEY = bytes(range(16))
FIXTURES = fixtures()
CLOCK = datetime.fromisoformat("2026-01-01 00:00")


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    forget()
    yield
    forget()


def everything(raw: bytes | LinkFrame, key: bytes | None, formats: FormatStore) -> object:
    try:
        answer = decode(raw, key, formats)
    except FrameError as error:
        return error.code, error.offset
    values = {entry.name: getattr(answer, entry.name) for entry in fields(Telegram) if entry.name != "parsed"}
    return values | {"records": answer.records, "formats": formats.learned()}


def both(first: bytes, second: bytes, key: bytes | None) -> tuple[object, object]:
    """Return what the quick way (having seen `first`) and the general parser make of `second`."""
    forget()
    formats = FormatStore()
    everything(first, key, formats)
    quick = everything(second, key, formats)
    formats = FormatStore()
    everything(first, key, formats)
    with patch.object(telegram, "read_known", return_value=None):
        general = everything(second, key, formats)
    return quick, general


def named(entry: Fixture) -> str:
    return entry.name


@pytest.mark.parametrize("fixture", FIXTURES, ids=named)
def test_both_ways_agree_on_every_kept_frame(fixture: Fixture) -> None:
    for first in fixture.frames:
        for second in fixture.frames:
            quick, general = both(first, second, fixture.key)
            assert quick == general


@settings(max_examples=200)
@given(st.sampled_from([f for f in FIXTURES if "frame" in f.source]), st.data())
def test_both_ways_agree_on_damaged_frames(fixture: Fixture, data: st.DataObject) -> None:
    frame = strip_crc(data.draw(st.sampled_from(fixture.frames))).frame
    damaged = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    quick, general = both(frame, bytes(damaged), fixture.key)
    assert quick == general


SENSUS, KAMSTRUP = Address("SEN", "12345678", 0x68, 7), Address("KAM", "76543210", 0x1B, 0x16)
numbers = st.integers(-(10**6), 10**7)
HEADERS = (
    "0413",
    "0C13",
    "4413",
    "04933C",
    "023B",
    "0259",
    "02FD17",
    "046D",
    "426C",
    "03FD74",
    "0778",
    "0E78",
    "0213",
)


def value_for(header: str, number: int) -> DataRecord:
    raw = bytes.fromhex(header)
    if header in ("046D", "426C"):
        return DataRecord(raw, CLOCK + timedelta(minutes=abs(number)) if number % 5 else None)
    if header == "0C13":
        return DataRecord(raw, Decimal(number) / 1000)
    if header in ("0D78", "0D13"):
        return DataRecord(raw, bytes((2, 0x30 + number % 10, 0x31)))
    size = {"0": {"4": 4, "2": 2, "3": 3, "5": 4, "7": 8, "E": 6}, "4": {"4": 4, "2": 2}}[header[0]][header[1]]
    return DataRecord(raw, (number & (1 << 8 * size) - 1).to_bytes(size, "little"))


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(HEADERS), numbers, numbers), min_size=1, max_size=8),
    st.sampled_from([0, 5, 7, "ctr", "ctr-compact"]),
    st.sampled_from(["short", "long"]),
    st.integers(0, 255),
    st.binary(max_size=5),
)
def test_both_ways_agree_on_generated_telegrams(rows, mode, header, status, extra) -> None:
    frames = []
    for column in (1, 2):
        sent = tuple(value_for(row[0], row[column]) for row in rows)
        if isinstance(mode, str):
            link = ExtendedLink(0x8D, 0x20, column, session=bytes((column, 2, 3, 0x20)))
            message = Message(KAMSTRUP, sent, "none", extended=link, key=KEY, compact=mode.endswith("compact"))
        else:
            message = Message(
                SENSUS,
                sent,
                header,
                None,
                column,
                status * (column - 1),
                mode,
                KEY,
                column,
                manufacturer_data=extra,
            )
        frames.append(encode(message))
    quick, general = both(frames[0], frames[1], KEY)
    assert quick == general


@pytest.mark.parametrize(
    "name", ["SEN/iperl/68", "AXI/w1/10", "QDS/qwater/18", "APA/ultrimis/01", "DME/hydrus/70", "KAM/multical21/1b"]
)
def test_telegrams_of_the_simulated_families_are_read_the_quick_way(name: str) -> None:
    fixture = next(entry for entry in FIXTURES if entry.name == name)
    formats = FormatStore()
    for frame in fixture.frames:
        bare = strip_crc(frame).frame
        general = decode(frame, fixture.key, formats)
        quick = read_known(bare, fixture.key, formats)
        assert quick is not None
        assert quick.readings == general.readings


def test_a_wrong_key_is_not_hidden_by_a_known_layout() -> None:
    frame = encode(Message(SENSUS, (DataRecord.of("0413", Decimal(1)),), mode=5, key=KEY))
    assert decode(frame, KEY).security.value == "decrypted"
    assert decode(frame, bytes(16)).security.value == "key-wrong"
    assert decode(frame).security.value == "key-missing"


def test_what_is_kept_is_bounded() -> None:
    for version in range(300):
        for size in range(1, 10):
            meter = Address("SEN", "00000001", version % 256, size)
            decode(encode(Message(meter, (DataRecord.of("0413", Decimal(size)),))))
    assert len(_layouts) <= _MODELS
    assert all(len(kept) <= _LAYOUTS_A_MODEL for kept in _layouts.values())


@given(st.binary(min_size=10, max_size=80))
def test_a_link_frame_with_a_false_length_does_no_harm(tail: bytes) -> None:
    frame = encode(Message(SENSUS, (DataRecord.of("0413", Decimal(1)),)))
    decode(frame)
    answer = decode(LinkFrame(frame[:11] + tail, "trimmed", "unknown"))
    assert answer.frame == frame[:11] + tail
