"""High day: a day's use is several times what is usual on that weekday, and beyond every recent day.

Usual is the median of the same weekday in the eight weeks before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from meterhub.vee.window import DAY_S, Hit, Severity, Window

NUMBER = 10
NAME = "high-day"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = False
ACTION = "Look for a leak alert of that day, or ask the customer; do not estimate over it."


@dataclass(frozen=True, slots=True)
class Parameters:
    """Times the median, times the highest day, at least so much [L], of how many weeks and same weekdays."""

    factor: float = 4.0
    beyond: float = 1.2
    least_l: int = 1000
    weeks: int = 8
    least_days: int = 4


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for number, day in enumerate(window.days):
        if day.start_s < window.from_s or day.volume_ml < p.least_l * 1000:
            continue
        past = [other for other in window.days[:number] if (day.on - other.on).days <= p.weeks * 7]
        alike = [other.volume_ml for other in past if other.on.weekday() == day.on.weekday()]
        if len(alike) < p.least_days:
            continue
        usual = median(alike)
        if day.volume_ml > p.factor * usual and day.volume_ml > p.beyond * max(other.volume_ml for other in past):
            evidence = {"litres": day.volume_ml / 1000, "usual_litres": usual / 1000, "weeks": len(alike)}
            yield Hit(day.start_s, day.start_s + DAY_S, evidence)
