from datetime import date, datetime
from decimal import Decimal

import pytest

from meterhub.wmbus import FormatStore, decode
from meterhub.wmbus.driver import Driver
from meterhub.wmbus.history import DatedRegister, dated_registers, moment_of
from meterhub.wmbus.registry import all_drivers
from tests.wmbus.fixture_files import ROOT, Fixture, fixtures

# their telegrams name no date for these registers
UNDATED = {"apator-162", "aventies-wm"}


def history(folder: str, frame: int = 0) -> tuple[DatedRegister, ...]:
    fixture: Fixture = next(entry for entry in fixtures() if entry.folder == ROOT / folder)
    return dated_registers(decode(fixture.frames[frame], fixture.key, FormatStore()))


def shown(registers: tuple[DatedRegister, ...]) -> list[tuple[str, str]]:
    return [(register.on.isoformat(), f"{register.volume_m3:f}") for register in registers]


def test_a_set_day_is_one_register_however_many_names_it_has() -> None:
    assert shown(history("SAP/izar/00")) == [("2026-09-30", "3.486")]
    assert shown(history("QDS/qwater/18"))[0][0] == history("QDS/qwater/18")[0].on.isoformat()


def test_month_ends_come_oldest_first_with_their_dates() -> None:
    found = shown(history("BMT/hydrodigit/13"))
    assert found[0] == ("2025-05-31", "30.00")
    assert found[-1] == ("2026-04-30", "43.48")
    assert len(found) == 12
    assert [Decimal(volume) for _, volume in found] == sorted(Decimal(volume) for _, volume in found)


def test_a_register_with_a_time_keeps_it() -> None:
    (register,) = history("APA/na-1/14")
    assert register == DatedRegister(
        date(2026, 2, 28), datetime.fromisoformat("2026-02-28 22:22:20"), Decimal("300.619"), "historic_m3"
    )


def test_profiles_forward_and_backward_are_dated() -> None:
    assert shown(history("ZRI/minomess/01")) == [
        ("2026-09-01", "110.500"),
        ("2026-10-01", "111.000"),
        ("2026-11-01", "111.500"),
    ]
    assert ("2026-10-01", "1.020") in shown(history("SON/supercom587/3C"))


def test_walk_by_months_go_back_from_the_last_month_end() -> None:
    assert shown(history("QDS/qwater/16"))[-2:] == [("2025-12-31", "1.500"), ("2026-01-31", "1.700")]


def test_a_meter_that_distrusts_its_clock_gives_no_dated_registers() -> None:
    assert history("DWZ/waterstar/00") == ()


def test_month_ends_named_by_the_day_of_the_clock_are_moved_to_the_end_of_the_month() -> None:
    assert shown(history("DWZ/waterstar/00", 1)) == [("2026-07-31", "0.150"), ("2026-08-31", "0.200")]


def test_use_in_a_month_is_not_taken_for_a_register() -> None:
    assert history("TCH/mkradio3a/50") == ()


@pytest.mark.parametrize("driver", all_drivers(), ids=lambda driver: driver.name)
def test_kept_volumes_have_a_name_whose_date_is_known(driver: Driver) -> None:
    words = ["target", "target_year", "set", "due", "due_17", "reporting", "at", "history_{0}", "target_{0}"]
    moments = [f"{word}_date" for word in words] + ["set_date_{0}"]
    moments += ["meter_year_period_end_date", "meter_month_period_end_datetime"]
    everything = {moment.format(n): "2026-01-01" for moment in moments for n in (1, 2, 8)}
    for field in driver.fields:
        kept = field.storage != 0 if isinstance(field.storage, int) else True
        plain = field.quantity == "volume" and not field.qualifiers and not field.tariff and not field.subunit
        if kept and plain and driver.name not in UNDATED:
            assert moment_of(field.name.format(n=1), everything), field.name
