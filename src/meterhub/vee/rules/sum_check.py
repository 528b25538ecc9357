"""Sum check: the stored hours between two reads do not add up to the difference of the registers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meterhub.vee.window import HOUR_S, Hit, Severity, Window

EDITED = 4

NUMBER = 13
NAME = "sum-check"
SEVERITY = Severity.HIGH
ON_ARRIVAL = False
ACTION = "Have the hours derived again; if it stays, tell whoever looks after the software."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    hours = {hour.at_s: hour for hour in window.hours}
    exact = {read.at_s: read.volume_ml for read in window.reads if read.at_s % HOUR_S == 0}
    edges = sorted(exact)
    for start, end in pairwise(edges):
        inside = [hours[at] for at in range(start, end, HOUR_S) if at in hours]
        if end < window.from_s or len(inside) * HOUR_S != end - start:
            continue
        if any(hour.quality == EDITED for hour in inside):
            continue
        off = sum(hour.volume_ml for hour in inside) - (exact[end] - exact[start])
        if off % window.capacity_ml:
            yield Hit(start, end, {"litres_off": off / 1000})
