from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from meterhub.simulate.meters import families
from meterhub.simulate.town import build_town
from meterhub.wmbus import FormatStore, SecurityResult, decode

NOW = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Helsinki")
TOWN = build_town(120, 10, 5, NOW, ZONE)


def test_there_are_at_least_eight_families_of_meters():
    assert len(families()) >= 8
    assert len({family.name for family in families()}) == len(families())


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_what_a_simulated_meter_sends_is_read_by_the_driver_of_its_family(family):
    home = next(home for home in TOWN.homes if home.family is family)
    formats = FormatStore()
    for count in range(9):
        at = TOWN.start + timedelta(hours=count, minutes=7)
        telegram = decode(home.telegram(at, count), home.key, formats)
        assert telegram.driver not in (None, "generic")
        assert telegram.security is (SecurityResult.DECRYPTED if family.encrypted else SecurityResult.PLAIN)
        assert telegram.readings["total_m3"] * 1_000_000 == home.household.register_ml(at)
        assert telegram.meter == home.address
        assert not telegram.alarms
        assert not telegram.diagnostics


def test_the_same_seed_gives_the_same_town():
    again = build_town(120, 10, 5, NOW, ZONE)
    other = build_town(120, 10, 6, NOW, ZONE)
    at = TOWN.start + timedelta(hours=3)
    assert [h.telegram(at, 3) for h in again.homes] == [h.telegram(at, 3) for h in TOWN.homes]
    assert [h.key for h in other.homes] != [h.key for h in TOWN.homes]


def test_registers_never_run_backwards_and_leaks_show():
    for home in TOWN.homes:
        hours = [TOWN.start + timedelta(hours=h) for h in range(241)]
        registers = [home.household.register_ml(at) for at in hours]
        assert registers == sorted(registers)
    assert len(set(TOWN.leaks)) == 3
    assert TOWN.keyless not in TOWN.leaks
    assert TOWN.miskeyed not in TOWN.leaks


def test_some_meters_are_silent_and_nothing_was_planted_there():
    assert len(TOWN.silent) == 2
    assert not TOWN.silent & {*TOWN.leaks, TOWN.keyless, TOWN.miskeyed}
    assert {home.point_code for home in TOWN.homes} - {home.point_code for home in TOWN.on_air} == TOWN.silent


def test_homes_use_about_a_hundred_litres_a_head_and_are_still_most_of_the_night():
    days = 10
    plain = [home for home in TOWN.homes if home.point_code not in TOWN.leaks]
    used = sum(h.household.register_ml(TOWN.end) - h.household.register_ml(TOWN.start) for h in plain) / 1000
    heads = sum(home.household.occupants for home in plain)
    assert 70 < used / heads / days < 150
    nights = [
        home.household.register_ml(at + timedelta(hours=1)) == home.household.register_ml(at)
        for home in plain
        for at in (TOWN.start.astimezone(ZONE).replace(hour=2) + timedelta(days=n) for n in range(1, days))
    ]
    assert sum(nights) / len(nights) > 0.6
