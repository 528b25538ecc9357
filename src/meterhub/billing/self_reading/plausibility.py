"""Whether a reported register can be right, and what it might have been meant to be; pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from meterhub.kit.units import ML_PER_M3

# More than this times the expected use has to be confirmed; a rollover may not exceed it.
UNUSUAL = 5
DAYS_PER_YEAR = 365
# Below this difference nothing is unusual: days, guests and gardens differ.
UNREMARKABLE_ML = 10 * ML_PER_M3
# A home where nothing ran for so long is asked whether that is right.
STILL_DAYS = 60
# Without history: 40 to 50 m³ a person and year, a family of four.
ASSUMED_ANNUAL_M3 = Decimal(180)


class Verdict(StrEnum):
    """What is thought of a report; the first may be taken, the next when confirmed, the rest never."""

    FITS = "fits"
    HIGH = "high"
    STILL = "still"
    ROLLED_OVER = "rolled_over"
    LOWER = "lower"
    TOO_HIGH = "too_high"
    TOO_MANY_DIGITS = "too_many_digits"
    FUTURE = "future"
    BEFORE_LAST = "before_last"
    NO_METER = "no_meter"


TO_CONFIRM = frozenset({Verdict.HIGH, Verdict.STILL, Verdict.ROLLED_OVER})
REFUSED = frozenset(Verdict) - TO_CONFIRM - {Verdict.FITS}
# A factor at which confirming does not help: somebody has to look at the meter.
IMPOSSIBLE = 50


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a meter: digits, the last read, and the expected use of a year."""

    digits: int
    last_on: date | None
    last_ml: int | None
    annual_m3: Decimal | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what it rests on: use since the last read, what was expected, a register that would fit."""

    verdict: Verdict
    used_ml: int | None = None
    expected_ml: int | None = None
    suggested_ml: int | None = None

    @property
    def needs_confirmation(self) -> bool:
        """Tell whether it is taken only when the customer says that it is right."""
        return self.verdict in TO_CONFIRM

    @property
    def is_refused(self) -> bool:
        """Tell whether it cannot be taken."""
        return self.verdict in REFUSED


def judge(volume_ml: int, read_on: date, today: date, known: Known) -> Judged:
    """Return what to think of a register reported for a day."""
    modulus = 10**known.digits * ML_PER_M3
    if read_on > today:
        return Judged(Verdict.FUTURE)
    if volume_ml >= modulus:
        return Judged(Verdict.TOO_MANY_DIGITS, suggested_ml=_suggestion(volume_ml, read_on, known))
    if known.last_on is None or known.last_ml is None:
        return Judged(Verdict.FITS)
    if read_on < known.last_on:
        return Judged(Verdict.BEFORE_LAST)
    expected = _expected(read_on, known)
    used = volume_ml - known.last_ml
    if used < 0:
        around = used + modulus
        if known.last_ml * 10 > 9 * modulus and around <= max(UNUSUAL * expected, UNREMARKABLE_ML):
            return Judged(Verdict.ROLLED_OVER, around, expected)
        return Judged(Verdict.LOWER, used, expected, _suggestion(volume_ml, read_on, known))
    if used > max(IMPOSSIBLE * expected, IMPOSSIBLE * UNREMARKABLE_ML):
        return Judged(Verdict.TOO_HIGH, used, expected, _suggestion(volume_ml, read_on, known))
    if used > max(UNUSUAL * expected, UNREMARKABLE_ML):
        return Judged(Verdict.HIGH, used, expected, _suggestion(volume_ml, read_on, known))
    if used == 0 and expected > 0 and (read_on - known.last_on).days >= STILL_DAYS:
        return Judged(Verdict.STILL, used, expected)
    return Judged(Verdict.FITS, used, expected)


def annual_estimate(volume_ml: int, read_on: date, known: Known, shortest_days: int = 90) -> Decimal | None:
    """Return the use of a year in whole m³ that follows from a read; None if it follows too soon on the last."""
    if known.last_on is None or known.last_ml is None:
        return None
    days = (read_on - known.last_on).days
    if days < shortest_days:
        return None
    used = (volume_ml - known.last_ml) % (10**known.digits * ML_PER_M3)
    return Decimal((2 * used * DAYS_PER_YEAR + days * ML_PER_M3) // (2 * days * ML_PER_M3))


def _expected(read_on: date, known: Known) -> int:
    assert known.last_on is not None
    annual = ASSUMED_ANNUAL_M3 if known.annual_m3 is None else known.annual_m3
    return int(annual * ML_PER_M3 * (read_on - known.last_on).days / DAYS_PER_YEAR)


def _suggestion(volume_ml: int, read_on: date, known: Known) -> int | None:
    """Return a tenth or ten times as much, if that fits: the red wheels were read along, or not at all."""
    for meant in (volume_ml // 10, volume_ml // 100, volume_ml // 1000, volume_ml * 10):
        if meant < 10**known.digits * ML_PER_M3 and known.last_ml is not None and meant >= known.last_ml:
            used = meant - known.last_ml
            if used <= max(UNUSUAL * _expected(read_on, known), UNREMARKABLE_ML):
                return meant
    return None
