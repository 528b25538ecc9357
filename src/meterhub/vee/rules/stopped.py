"""Stopped: no flow for 14 days or more, and three times longer than the longest still spell before."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import DAY_S, Hit, Severity, Window

NUMBER = 11
NAME = "stopped"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = False
ACTION = "Vacant, shut off, or a stopped meter: compare with the register on site."


@dataclass(frozen=True, slots=True)
class Parameters:
    """At least so many days, and so many times the longest still spell."""

    days: int = 14
    factor: float = 3.0


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    still: list[int] = []
    longest = 0
    ended = False
    for number, day in enumerate(window.days):
        if day.volume_ml == 0 and day.hours:
            still.append(number)
            ended = number == len(window.days) - 1
        if still and (day.volume_ml != 0 or ended):
            first, last = window.days[still[0]], window.days[still[-1]]
            begun = still[0] > 0
            if (
                begun
                and len(still) >= p.days
                and len(still) > p.factor * longest
                and last.start_s >= window.from_s
            ):
                evidence = {"days": len(still), "longest_before_days": longest}
                yield Hit(first.start_s, last.start_s + DAY_S, evidence)
            longest = max(longest, len(still))
            still = []
