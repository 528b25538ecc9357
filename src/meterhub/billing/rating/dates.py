"""Weights of time, exact: days, and months counted as days covered over days in the month (R5)."""

from calendar import isleap, monthrange
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from meterhub.billing.rating.traces import Apportion
from meterhub.kit.periods import DateRange

# 28, 29, 30 and 31 divide it, so every part of a month is a whole number of units.
MONTH_UNITS = 377_580
DAYS_PER_YEAR = 365


def month_units(start: date, end: date) -> int:
    """Return the months from start to end in units of 1/377,580 month; end not before start."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months * MONTH_UNITS + _units_into_month(end) - _units_into_month(start)


def months(period: DateRange) -> Fraction:
    """Return the months of a period, exactly."""
    return Fraction(month_units(period.start, period.end), MONTH_UNITS)


def weight(apportion: Apportion, start: date, end: date) -> int:
    """Return the weight of the time from start to end, in parts of `weight_of_year`."""
    return (end - start).days if apportion is Apportion.DAYS else month_units(start, end)


def weight_of_year(apportion: Apportion) -> int:
    """Return what a year weighs: 365 also in leap years (R3), or twelve months."""
    return DAYS_PER_YEAR if apportion is Apportion.DAYS else 12 * MONTH_UNITS


def days_in_year(year: int) -> int:
    """Return 365 or 366."""
    return 366 if isleap(year) else DAYS_PER_YEAR


def new_years(period: DateRange) -> list[date]:
    """Return each 1 January after the first day up to the end of the period."""
    return [date(year, 1, 1) for year in range(period.start.year + 1, period.end.year + 1)]


def interest_of_days(days: int, rate: Decimal, balance: Decimal) -> Fraction:
    """Return balance · rate · days / 100 / 365, exactly (R11); rate in percent a year."""
    return Fraction(balance) * Fraction(rate) * days / (100 * DAYS_PER_YEAR)


@lru_cache(maxsize=4096)
def _units_into_month(day: date) -> int:
    return (day.day - 1) * (MONTH_UNITS // monthrange(day.year, day.month)[1])
