from datetime import UTC, date, timedelta

import pytest

from meterhub.billing.runs.pictures import Unit, grid_of
from meterhub.kit.periods import DateRange
from tests.billing.service.town import at, b1_house

MARCH = (date(2025, 3, 1), date(2025, 4, 1))


def chart_of(town, house, **changes):
    town.bill(**changes)
    return town.invoice(house).snapshot["chart"]


@pytest.mark.parametrize(
    ("start", "end", "unit", "bars"),
    [
        (date(2025, 2, 1), date(2025, 3, 1), Unit.DAY, 28),
        (date(2025, 1, 1), date(2025, 2, 1), Unit.DAY, 31),
        (date(2025, 1, 1), date(2025, 4, 1), Unit.WEEK, 13),
        (date(2025, 4, 1), date(2025, 7, 1), Unit.WEEK, 13),
        (date(2025, 1, 15), date(2026, 1, 1), Unit.MONTH, 12),
    ],
)
def test_the_finest_bars_are_taken_that_can_be_told_apart(start, end, unit, bars):
    grid = grid_of(DateRange(start, end))
    assert (grid.unit, len(grid.days) - 1) == (unit, bars)
    assert (grid.days[0], grid.days[-1]) == (start, end)
    assert list(grid.days) == sorted(set(grid.days))


def test_bars_are_days_by_local_time_and_sum_to_what_is_billed(town):
    house = town.house(group="monthly")
    # 100 litres an hour; on 30 March clocks go forward
    for n in range(31 * 24):
        town.read(house.meter_id, (at(date(2025, 3, 1)).astimezone(UTC) + timedelta(hours=n), f"{100 * n}e-3"))
    chart = chart_of(town, house, billing_group="monthly", period=MARCH)
    assert chart["volumes_ml"] == [*[2_400_000] * 29, 2_300_000, 2_400_000]


def test_a_quarter_is_drawn_by_weeks_that_sum_to_the_line(town):
    house = b1_house(town)
    town.daily(house.meter_id, date(2025, 1, 2), 88, 1_000_470, a_day_l=470)
    chart = chart_of(town, house)
    assert chart["unit"] == "week"
    assert chart["volumes_ml"][:12] == [7 * 470_000] * 12
    assert sum(chart["volumes_ml"]) == 42_000_000


def test_a_register_between_reads_lies_on_the_line_between_them(town):
    house = town.house(
        (at(date(2025, 1, 1)), "0"), (at(date(2025, 1, 7), 12), "13"), (at(date(2025, 1, 8), 12), "15")
    )
    town.read(house.meter_id, (at(date(2025, 4, 1)), "200"))
    assert chart_of(town, house)["volumes_ml"][:2] == [14_000_000, None]


def test_a_bar_is_empty_where_reads_are_further_apart_than_it_is_long(town):
    assert chart_of(town, b1_house(town))["volumes_ml"] == [None] * 13


def test_a_long_period_is_drawn_by_months(town):
    house = town.house((at(date(2025, 1, 1)), "0"), (at(date(2026, 1, 1)), "90"))
    town.read(house.meter_id, (at(date(2025, 3, 1)), "10"), (at(date(2025, 4, 1)), "19"))
    chart = chart_of(town, house, period=(date(2025, 1, 1), date(2026, 1, 1)), issued_on=date(2026, 1, 2))
    assert chart == {"unit": "month", "start": "2025-01-01", "volumes_ml": [None, None, 9_000_000, *[None] * 9]}


def test_an_exchanged_meter_and_its_successor_fill_one_bar_together(town):
    house = town.house((at(date(2025, 1, 1)), "795.000"))
    new, when = town.meter(), at(date(2025, 1, 10), 10)
    town.remove(house.meter_id, when)
    town.install(new, house.point_id, when)
    town.read(house.meter_id, (at(date(2025, 1, 8)), "796.000"), (when, "796.300", "removal"))
    town.read(new, (when, "0.100", "installation"), (at(date(2025, 1, 15)), "0.600"), (at(date(2025, 4, 1)), "9"))
    assert chart_of(town, house)["volumes_ml"][:3] == [1_000_000, 800_000, None]


def test_a_register_that_rolls_over_is_drawn_as_what_it_counted(town):
    house = town.house((at(date(2025, 1, 1)), "99998.000"), (at(date(2025, 1, 8)), "3.500"))
    town.read(house.meter_id, (at(date(2025, 4, 1)), "40"))
    assert chart_of(town, house)["volumes_ml"][0] == 5_500_000


def test_of_two_reads_at_one_instant_the_last_stored_counts(town):
    house = b1_house(town)
    town.read(house.meter_id, (at(date(2025, 1, 8)), "1007.000"), (at(date(2025, 1, 8)), "1003.000"))
    assert chart_of(town, house)["volumes_ml"][0] == 3_000_000


def test_contracts_of_other_days_have_bars_of_their_own(town):
    house, late = b1_house(town), b1_house(town, valid=(date(2025, 3, 20), None))
    town.daily(late.meter_id, date(2025, 3, 19), 12, 1_030_000, a_day_l=200)
    town.bill()
    assert town.invoice(house).snapshot["chart"]["unit"] == "week"
    chart = town.invoice(late).snapshot["chart"]
    assert (chart["unit"], chart["start"], chart["volumes_ml"][:11]) == ("day", "2025-03-20", [200_000] * 11)
