"""Gap: no read for a day or more; the total between is known, the course of use is estimated."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meterhub.vee.window import HOUR_S, Hit, Severity, Window

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
    ends = [read.at_s for read in window.reads] + [window.until_s]
    for before, after in pairwise(ends):
        if after - before >= p.hours * HOUR_S and after >= window.from_s and not _away(window, before, after):
            yield Hit(
                before, after, {"hours": round((after - before) / HOUR_S), "open": int(after == window.until_s)}
            )


def _away(window: Window, start_s: int, end_s: int) -> bool:
    """Tell whether the meter hung nowhere for a part of the time."""
    return not any(
        place.from_s <= start_s and (place.until_s is None or place.until_s >= end_s) for place in window.installed
    )
