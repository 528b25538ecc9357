"""Clock jump: the meter's clock is off by more than 15 minutes; about an hour is a matter of summer time."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.clocks import runs
from meterhub.vee.window import Hit, Severity, Window

NUMBER = 16
NAME = "clock-jump"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = True
ACTION = "Nothing to do: the time of reception counts. Check which time the model keeps."


@dataclass(frozen=True, slots=True)
class Parameters:
    """Off by more than this [s]."""

    jump_s: int = 900


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    yield from runs(window, lambda off_s: abs(off_s) > p.jump_s)
