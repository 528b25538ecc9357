"""Stale: telegrams keep coming, but the meter's clock and register stand still: an old value."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meterhub.vee.window import HOUR_S, Hit, Severity, Window

NUMBER = 18
NAME = "stale"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = False
ACTION = "Look at the radio module: it may have lost its meter."


@dataclass(frozen=True, slots=True)
class Parameters:
    """So many reads alike, over so many hours."""

    reads: int = 6
    hours: int = 3


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    run = 0
    start_s = 0
    for before, after in pairwise(window.reads):
        if before.clock_s is None or after.clock_s is None or before.volume_ml != after.volume_ml:
            run = 0
            continue
        if before.at_s + before.clock_s != after.at_s + after.clock_s:
            run = 0
            continue
        start_s, run = (start_s if run else before.at_s), run + 1
        if run == p.reads and after.at_s >= window.from_s and after.at_s - start_s >= p.hours * HOUR_S:
            yield Hit(start_s, after.at_s, {"hours": round((after.at_s - start_s) / HOUR_S)})
