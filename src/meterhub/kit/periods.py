"""Half-open ranges of days, `[start, end)`, and where to cut them."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

ONE_DAY = timedelta(days=1)


class DateRange(NamedTuple):
    """The days from `start` up to, not including, `end`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The day before `end`."""
        return self.end - ONE_DAY


def overlaps(a_start: date, a_end: date | None, b_start: date, b_end: date | None) -> bool:
    """Tell whether two ranges share a day; an end of None is open."""
    return (b_end is None or a_start < b_end) and (a_end is None or b_start < a_end)


def cut_days(whole: DateRange, days: Iterable[date | None]) -> list[date]:
    """Return start, the given days strictly inside, and end, in order and once each."""
    start, end = whole
    inside = {day for day in days if day is not None and start < day < end}
    return [start, *sorted(inside), end]
