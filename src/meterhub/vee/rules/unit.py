"""Unit: the register, or the use of every day, is suddenly 10, 100 or 1000 times what it was, or a part."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from meterhub.vee.window import DAY_S, UNIT_FACTORS, Hit, Severity, Window, unit_change

NUMBER = 14
NAME = "unit"
SEVERITY = Severity.HIGH
ON_ARRIVAL = False
ACTION = "Compare the register on site with the unit in the meter's record; correct or set aside the reads."


@dataclass(frozen=True, slots=True)
class Parameters:
    """Days before and after the change, weeks to compare with, least day [L]."""

    before: int = 7
    after: int = 3
    weeks: int = 4
    least_l: int = 500


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for before, read in pairwise(window.reads):
        factor = unit_change(before.volume_ml, read.volume_ml)
        if factor > 1 and read.at_s >= window.from_s:
            evidence = {"times": factor, "from_m3": before.volume_ml / 1e6, "to_m3": read.volume_ml / 1e6}
            yield Hit(before.at_s, read.at_s, evidence)
    for number in range(p.before, len(window.days) - p.after + 1):
        start = window.days[number]
        if window.days[number + p.after - 1].start_s < window.from_s:
            continue
        usual = median(day.volume_ml for day in window.days[max(0, number - p.weeks * 7) : number])
        now = [day.volume_ml for day in window.days[number : number + p.after]]
        times = _times([day_ml / usual for day_ml in now]) if usual else None
        alone = all(day.volume_ml < 4 * usual for day in window.days[number - p.before : number])
        if times and alone and min(now) >= p.least_l * 1000:
            yield Hit(
                start.start_s, start.start_s + p.after * DAY_S, {"times": times, "usual_litres": usual / 1000}
            )


def _times(ratios: list[float]) -> int | None:
    """Return the largest power of ten that all ratios are near."""
    return next((f for f in reversed(UNIT_FACTORS) if all(0.4 * f <= ratio <= 3 * f for ratio in ratios)), None)
