"""Half-open ranges of days."""

from datetime import date

from meterhub.kit.periods import DateRange, cut_days

FEBRUARY = DateRange(date(2024, 2, 1), date(2024, 3, 1))


def test_a_period_counts_its_start_and_not_its_end() -> None:
    assert (FEBRUARY.days, FEBRUARY.last_day) == (29, date(2024, 2, 29))


def test_only_days_strictly_inside_cut_and_each_once() -> None:
    inside = date(2024, 2, 10)
    days = [inside, None, FEBRUARY.start, FEBRUARY.end, inside, date(2020, 1, 1)]
    assert cut_days(FEBRUARY, days) == [FEBRUARY.start, inside, FEBRUARY.end]
