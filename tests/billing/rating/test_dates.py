"""Weights of time against counting day by day."""

from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.rating.dates import days_in_year, months, new_years, weight, weight_of_year
from meterhub.billing.rating.traces import Apportion
from meterhub.kit.periods import DateRange

DAYS = st.dates(date(1999, 1, 1), date(2030, 12, 31))


@given(DAYS, st.integers(min_value=1, max_value=900))
def test_months_are_the_days_covered_over_the_days_of_each_month(start: date, length: int) -> None:
    days = [start + timedelta(days=number) for number in range(length)]
    counted = sum((Fraction(1, monthrange(day.year, day.month)[1]) for day in days), Fraction(0))
    assert months(DateRange(start, start + timedelta(days=length))) == counted


@given(DAYS, DAYS, DAYS)
def test_weights_of_adjacent_times_add_up(first: date, second: date, third: date) -> None:
    a, b, c = sorted((first, second, third))
    for apportion in Apportion:
        assert weight(apportion, a, b) + weight(apportion, b, c) == weight(apportion, a, c)


def test_a_year_weighs_365_days_also_in_leap_years_or_twelve_months() -> None:
    assert weight(Apportion.DAYS, date(2024, 1, 1), date(2025, 1, 1)) == weight_of_year(Apportion.DAYS) + 1
    for year in (2023, 2024):
        whole = weight(Apportion.MONTHS, date(year, 1, 1), date(year + 1, 1, 1))
        assert whole == weight_of_year(Apportion.MONTHS)
    assert [days_in_year(year) for year in (1900, 2000, 2023, 2024)] == [365, 366, 365, 366]


def test_new_years_reach_the_end_of_the_period() -> None:
    assert new_years(DateRange(date(2023, 1, 1), date(2025, 1, 1))) == [date(2024, 1, 1), date(2025, 1, 1)]
    assert new_years(DateRange(date(2023, 1, 1), date(2023, 12, 31))) == []
