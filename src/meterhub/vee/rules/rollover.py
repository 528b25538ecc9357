"""Rollover: the register went past its last digit and began again at zero; consumption counts on."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import Fall, Hit, Severity, Window

NUMBER = 5
NAME = "rollover"
SEVERITY = Severity.LOW
ON_ARRIVAL = True
ACTION = "Nothing to do if the number of digits in the meter's record is right."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for fall in window.falls:
        before, read = window.reads[fall.number - 1], window.reads[fall.number]
        if fall.kind is Fall.ROLLOVER and read.at_s >= window.from_s:
            evidence = {"from_m3": before.volume_ml / 1e6, "to_m3": read.volume_ml / 1e6}
            yield Hit(before.at_s, read.at_s, evidence)
