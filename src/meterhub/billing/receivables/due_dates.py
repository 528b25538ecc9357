"""Due dates: the term, moved forward off days on which payment may wait (FI Promissory Notes Act 5 §)."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Country
from meterhub.kit.periods import ONE_DAY

FI_CONSUMER_MIN_DAYS = 14

_SATURDAY = 5
_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class DueDate:
    """The day the term ends, and the first bank day from there."""

    nominal: date
    due: date


def due_date(country: Country, issued_on: date, term_days: int, *, consumer: bool) -> DueDate:
    """Return the due date; raises term_too_short for a Finnish consumer below 14 days."""
    if country is Country.FI and consumer and term_days < FI_CONSUMER_MIN_DAYS:
        raise RatingError(
            Reason.TERM_TOO_SHORT, f"term_days: {term_days} is below {FI_CONSUMER_MIN_DAYS} for a consumer"
        )
    nominal = issued_on + timedelta(days=term_days)
    return DueDate(nominal, bank_day_from(country, nominal))


def bank_day_from(country: Country, day: date) -> date:
    """Return the first day from here that is neither Saturday, Sunday nor a holiday."""
    while day.weekday() >= _SATURDAY or day in holidays(country, day.year):
        day += ONE_DAY
    return day


@lru_cache(maxsize=256)
def holidays(country: Country, year: int) -> frozenset[date]:
    """Return the holidays on which payment may wait; those that always fall on a weekend are left out."""
    easter = easter_sunday(year)
    around_easter = [easter + timedelta(days=offset) for offset in (-2, 1, 39)]
    if country is Country.FI:
        fixed = [(1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26)]
        special = [_midsummer_eve(year)]
    else:
        fixed = [(1, 1), (5, 1), (5, 17), (12, 25), (12, 26)]
        special = [easter + timedelta(days=offset) for offset in (-3, 50)]
    return frozenset([*around_easter, *special, *(date(year, month, day) for month, day in fixed)])


def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    golden = year % 19
    century, in_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    lunar = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - lunar + 15) % 30
    weekday = (32 + 2 * century_rest + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _midsummer_eve(year: int) -> date:
    day = date(year, 6, 19)
    return day + timedelta(days=(_FRIDAY - day.weekday()) % 7)
