import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.commands.driver import evidence_in
from meterhub.wmbus import Address, FrameError, Telegram, decode
from meterhub.wmbus.dll import address_bytes
from meterhub.wmbus.driver import ALARMS, Driver, Match
from meterhub.wmbus.encode import DataRecord, Message, encode
from meterhub.wmbus.registry import all_drivers, find_driver
from tests.wmbus.fixture_files import ROOT
from tests.wmbus.proprietary import diehl_order

DRIVERS = all_drivers()
CLAIMED = [driver for driver in DRIVERS if driver.detect]
KEY = bytes(range(16))
UNIT = re.compile(
    r"m3h?|c|k|kwh|mj|kw|kvarh|kvah|bar|v|a|hz|rh|kgh?|hca|dbm|s|min|h|d|y|pct|date|datetime|counter|no"
)
TEXTS = re.compile(
    r"status|enhanced_id|(model|software|meter)_version|parameter_set|prefix|serial_number|manufacture_year"
    r"|power_mode|time_(dry|reversed|leaking|bursting)|due_17_date|target_[0-9]+_date|set_date(time)?_[0-9]+|meter_datetime_at_error"
)
STATUS_BYTES = (0x00, 0x04, 0x23, 0xFF)


def named(driver: Driver) -> str:
    return driver.name


def well_formed(name: str) -> bool:
    shape = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name) is not None
    return shape and bool(UNIT.fullmatch(name.rpartition("_")[2]) or TEXTS.fullmatch(name))


def links(driver: Driver) -> Iterator[bytes]:
    for entry in driver.detect:
        for version in sorted(entry.versions or (0x2A,)):
            for device_type in sorted(entry.types or (0x07,)):
                meter = Address(entry.manufacturer, "12345678", version, device_type)
                yield diehl_order(meter) if entry.swapped else address_bytes(meter)


def attempt(frame: bytes) -> Telegram | None:
    try:
        return decode(frame, KEY)
    except FrameError:
        return None


def check(telegram: Telegram | None) -> None:
    """What must hold for whatever a meter sends."""
    if telegram is None:
        return
    assert {word.removeprefix("past_") for word in telegram.alarms} <= ALARMS
    assert [name for name in telegram.readings if not well_formed(name)] == []


@pytest.mark.parametrize("driver", DRIVERS, ids=named)
def test_names_end_in_their_unit(driver: Driver) -> None:
    names = [field.name.format(n=1) for field in driver.fields]
    assert [name for name in names if not well_formed(name)] == []


def test_every_driver_has_a_kept_telegram_that_it_reads() -> None:
    read = {entry.driver for entry in evidence_in(ROOT) if entry.readings}
    assert {driver.name for driver in DRIVERS} - read == set()


def test_every_readable_telegram_of_a_family_folder_is_read_by_a_driver_of_its_own() -> None:
    families = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "_"]
    assert len(families) > 25
    for family in families:
        assert "generic" not in {entry.driver for entry in evidence_in(family)}, family


@pytest.mark.parametrize("driver", CLAIMED, ids=named)
def test_an_address_that_is_claimed_is_found(driver: Driver) -> None:
    for entry in driver.detect:
        for version in entry.versions or (0x2A,):
            for device_type in entry.types or (0x07,):
                address = Address(entry.manufacturer, "12345678", version, device_type)
                assert find_driver(address, swapped=entry.swapped) is driver


def own_content(entry: Match) -> st.SearchStrategy[bytes]:
    """Bodies near enough to what makers send to get past the first checks."""
    del entry
    anything = st.binary(max_size=90)
    start = st.sampled_from(
        [
            bytes.fromhex(text)
            for text in ("A0", "A1", "A2", "71", "B1", "B60E", "7A2A000000", "7A2A000610", "7800", "78")
        ]
    )
    return st.tuples(start, anything).map(b"".join) | anything


@pytest.mark.parametrize("driver", CLAIMED, ids=named)
@settings(max_examples=60, deadline=1000)
@given(data=st.data())
def test_random_bytes_under_a_claimed_address_never_raise_anything_but_a_frame_error(
    driver: Driver, data: st.DataObject
) -> None:
    link = data.draw(st.sampled_from(sorted(links(driver))))
    body = data.draw(own_content(driver.detect[0]))
    check(attempt(bytes((9 + len(body), 0x44)) + link + body))


@pytest.mark.parametrize("driver", CLAIMED, ids=named)
@settings(max_examples=40, deadline=1000)
@given(data=st.data())
def test_random_records_and_blocks_behind_the_layers_never_raise(driver: Driver, data: st.DataObject) -> None:
    entry = driver.detect[0]
    meter = Address(entry.manufacturer, "12345678", min(entry.versions or (0x2A,)), min(entry.types or (0x07,)))
    headers = [field.dif_vif for field in driver.fields if field.dif_vif] + [
        flags.dif_vif for flags in driver.flags
    ]
    headers = [text for text in headers if text] + ["046D", "0413", "426C", "4413", "0DFF5F", "8D04931E", "820F6C"]
    records = []
    for text in data.draw(st.lists(st.sampled_from(headers), max_size=5)):
        raw = bytes.fromhex(text)
        size = {2: 2, 1: 1, 3: 3, 4: 4, 6: 6, 9: 1, 10: 2, 11: 3, 12: 4, 14: 6}.get(raw[0] & 15, 0)
        content = data.draw(st.binary(min_size=size, max_size=size))
        if raw[0] & 15 == 13:
            block = data.draw(st.binary(max_size=60))
            content = bytes((len(block),)) + block
        records.append(DataRecord(raw, content))
    block = data.draw(st.binary(max_size=70))
    status = data.draw(st.sampled_from(STATUS_BYTES))
    mode = data.draw(st.sampled_from((0, 5)))
    message = Message(meter, tuple(records), "short", None, 7, status, mode, KEY, manufacturer_data=block)
    try:
        frame = encode(message)
    except ValueError:
        return
    check(attempt(frame))


def test_the_fixtures_folder_is_where_the_command_looks() -> None:
    assert Path(ROOT).name == "firmware_fixtures"
