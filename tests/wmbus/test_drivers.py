import re

import pytest

from meterhub.wmbus import Address
from meterhub.wmbus.driver import ALARMS, Body, Driver, match
from meterhub.wmbus.headers import resolve
from meterhub.wmbus.naming import converter, flag_alarms
from meterhub.wmbus.registry import all_drivers, find_driver, generic

DRIVERS = all_drivers()
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def named(driver: Driver) -> str:
    return driver.name


def test_driver_names_are_unique_and_in_one_style() -> None:
    names = [driver.name for driver in DRIVERS]
    assert len(set(names)) == len(names) > 20
    assert all(NAME.fullmatch(name) for name in names)


def test_no_two_drivers_claim_the_same_meter() -> None:
    claims = [
        (entry.manufacturer, version, device_type, entry.swapped)
        for driver in DRIVERS
        for entry in driver.detect
        for version in entry.versions or (None,)
        for device_type in entry.types or (None,)
    ]
    assert sorted(map(str, claims)) == sorted(map(str, set(claims)))


@pytest.mark.parametrize("driver", DRIVERS, ids=named)
def test_alarms_are_words_of_the_common_vocabulary(driver: Driver) -> None:
    words = set((driver.status or {}).values())
    for flags in driver.flags:
        words |= set(flags.bits.values())
    assert {word.removeprefix("past_") for word in words} <= ALARMS


@pytest.mark.parametrize("driver", DRIVERS, ids=named)
def test_a_field_is_told_apart_from_every_other_of_its_driver(driver: Driver) -> None:
    chosen = [
        (
            field.name,
            field.quantity,
            field.function,
            field.storage,
            field.tariff,
            field.subunit,
            field.qualifiers,
            field.dif_vif,
        )
        for field in driver.fields
    ]
    assert len(set(chosen)) == len(chosen)
    for field in driver.fields:
        assert field.quantity or field.dif_vif
        if isinstance(field.storage, range):
            assert "{n}" in field.name


@pytest.mark.parametrize("driver", [driver for driver in DRIVERS if driver.read_payload], ids=named)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 12, 60])
def test_own_functions_answer_any_block(driver: Driver, size: int) -> None:
    assert driver.read_payload is not None
    body = Body(bytes(12), Address("CEN", "00000000", 0, 7), 0, bytes(size), bytes([1] * size), ())
    try:
        extract = driver.read_payload(body)
    except (ValueError, IndexError):
        return
    assert extract is None or isinstance(extract.alarms, tuple)


def test_the_most_specific_match_wins_and_unknown_meters_get_the_generic_driver() -> None:
    assert find_driver(Address("KAM", "1", 0x1B, 0x16)) is next(
        d for d in DRIVERS if d.name == "kamstrup-multical21"
    )
    assert find_driver(Address("XYZ", "1", 1, 7)) is None
    assert generic().detect == ()
    assert match("KAM", "1B", "16").specificity > match("KAM", "", "16").specificity > match("KAM").specificity


def test_values_are_converted_to_the_unit_that_ends_the_name() -> None:
    def convert(header: str, name: str, value: str) -> str:
        resolved = resolve(bytes.fromhex(header))
        change = converter(resolved, name)
        number = resolved.read(bytes.fromhex(value))
        return str(number if change is None else change(number))

    assert convert("0420", "on_time_h", "E80F4301") == "5881.166667"
    assert convert("0226", "on_time_s", "0200") == "7200"
    assert convert("0444", "flow_m3h", "E8030000") == "60.000"
    assert convert("02FD74", "battery_y", "8713") == "13.686797"
    assert convert("0413", "total_m3", "01000000") == "0.001"
    assert convert("02FB5A", "flow_temperature_c", "D402") == "22.444444"
    assert convert("046D", "target_date", "2A0DC62C") == "2022-12-06"


def test_bits_that_nobody_explained_are_not_hidden() -> None:
    assert flag_alarms(0x05, {0x01: "leak"}) == ("leak", "unspecified")
    assert flag_alarms(0x15, {0x01: "leak"}, ignored=0x14) == ("leak",)
    assert flag_alarms(0, {0x01: "leak"}) == ()
