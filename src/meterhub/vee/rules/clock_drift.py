"""Clock drift: the meter's clock is off by more than 2 minutes from the time of reception."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.clocks import runs
from meterhub.vee.window import Hit, Severity, Window

NUMBER = 15
NAME = "clock-drift"
SEVERITY = Severity.LOW
ON_ARRIVAL = True
ACTION = "Nothing to do: the time of reception counts. Set the clock on the next visit."


@dataclass(frozen=True, slots=True)
class Parameters:
    """Off by more than the one and at most the other [s]."""

    warn_s: int = 120
    jump_s: int = 900


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    yield from runs(window, lambda off_s: p.warn_s < abs(off_s) <= p.jump_s)
