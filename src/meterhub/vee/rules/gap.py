"""Gap: no read by radio for a day or more; the total between is known, the course of use is estimated."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meterhub.vee.window import HOUR_S, Hit, Read, Severity, Window

NUMBER = 17
NAME = "gap"
SEVERITY = Severity.LOW
ON_ARRIVAL = False
ACTION = "Check which gateways hear the meter; a read by a person closes an open gap."


@dataclass(frozen=True, slots=True)
class Parameters:
    """At least so many hours."""

    hours: int = 24


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    now = Read(window.until_s, 0)
    for before, after in pairwise([*window.reads, now]):
        hours = (after.at_s - before.at_s) / HOUR_S
        by_people = before.source != "amr" and (after is now or after.source != "amr")
        if hours < p.hours or after.at_s < window.from_s or by_people or _away(window, before.at_s, after.at_s):
            continue
        yield Hit(before.at_s, after.at_s, {"hours": round(hours), "still": "yes" if after is now else "no"})


def _away(window: Window, start_s: int, end_s: int) -> bool:
    """Tell whether the meter hung nowhere for a part of the time."""
    return not any(
        place.from_s <= start_s and (place.until_s is None or place.until_s >= end_s) for place in window.installed
    )
