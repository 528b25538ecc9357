"""What is normal for one meter: the highest flows and longest unbroken use of its own last 60 days."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meterhub.alerts.flow import COARSE_STEP_ML, HOUR_S, WINDOWS_H, Moment

DAY_S = 24 * HOUR_S
LEARN_DAYS = 60
# Until so many days are known, the limits of a whole class of homes hold.
WARM_DAYS = 14
# An alert that ends by itself within this was a habit, and is learned; a longer one never is.
HABIT_WITHIN_S = 72 * HOUR_S

# Lowest rate over 3, 6, 12, 24, 48, 72 h [ml/h] that is worth an alert however little the home uses,
FLOOR_ML_H = (300_000, 120_000, 42_000, 18_000, 6_000, 3_000)
# the same while the home is not known yet,
PRIOR_ML_H = (300_000, 150_000, 50_000, 20_000, 6_000, 4_000)
# and the rate that is never anybody's habit.
CEILING_ML_H = (600_000, 300_000, 120_000, 60_000, 30_000, 20_000)
# A step of 10 L blurs long windows by about this.
COARSE_ML_H = 2_000
COARSE_FROM_WINDOW = 3
# Twice its own habit is unusual for any home.
HABIT_FACTOR = 2

UNSTILL_LEAST_S = 24 * HOUR_S
UNSTILL_MOST_S = 96 * HOUR_S
UNSTILL_PRIOR_S = 84 * HOUR_S
# Unbroken use is rare: it takes this long to see a home's longest, and until then no less than this is odd.
SURE_DAYS = 45
UNSTILL_EARLY_S = 60 * HOUR_S


@dataclass(frozen=True, slots=True)
class DayHabit:
    """The extremes of one UTC day: highest `Moment.lowest_ml_h` a window, longest time without a still span.

    `in_alert` days are not normal use and teach nothing.
    """

    highest_ml_h: tuple[float, ...] = (0.0,) * len(WINDOWS_H)
    unstill_s: int = 0
    step_ml: int = 0
    in_alert: bool = False

    def with_moment(self, moment: Moment) -> "DayHabit":
        """Return the extremes including one more moment."""
        return DayHabit(
            tuple(map(max, self.highest_ml_h, moment.lowest_ml_h)),
            max(self.unstill_s, moment.unstill_s),
            self.step_ml,
            self.in_alert,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What this meter may do without an alert, and what that was learned from.

    `unstill_s` is None where a coarse register can not show that the water stands still.
    """

    rate_ml_h: tuple[float, ...]
    unstill_s: int | None
    own_highest_ml_h: tuple[float, ...]
    own_unstill_s: int
    days: int


def day_of(at_s: int) -> int:
    """Return the number of the UTC day since 1970."""
    return at_s // DAY_S


def limits(days: Mapping[int, DayHabit], today: int, step_ml: int) -> Limits:
    """Return the limits for a day, learned from the days before it."""
    learned = [habit for day, habit in days.items() if today - LEARN_DAYS <= day < today and not habit.in_alert]
    own = _highest(habit.highest_ml_h for habit in learned)
    own_unstill_s = max((habit.unstill_s for habit in learned), default=0)
    coarse = step_ml >= COARSE_STEP_ML
    warm = len(learned) >= WARM_DAYS
    rates = []
    for window, (floor, prior, ceiling) in enumerate(zip(FLOOR_ML_H, PRIOR_ML_H, CEILING_ML_H, strict=True)):
        base = (floor if warm else prior) + (COARSE_ML_H if coarse and window >= COARSE_FROM_WINDOW else 0)
        rates.append(min(max(base, HABIT_FACTOR * own[window]), ceiling))
    return Limits(tuple(rates), _unstill(own_unstill_s, len(learned), coarse), own, own_unstill_s, len(learned))


def _unstill(own_s: int, days: int, coarse: bool) -> int | None:
    if days < WARM_DAYS:
        return None if coarse else UNSTILL_PRIOR_S
    wanted = max(UNSTILL_LEAST_S if days >= SURE_DAYS else UNSTILL_EARLY_S, HABIT_FACTOR * own_s)
    if coarse and wanted > UNSTILL_MOST_S:
        return None
    return min(wanted, UNSTILL_MOST_S)


def _highest(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    columns = list(zip(*rows, strict=True))
    return tuple(map(max, columns)) if columns else (0.0,) * len(WINDOWS_H)
