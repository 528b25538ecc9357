"""Backflow: the register fell by less than 0.1 m³ and went on from there; water ran back, or reads are mixed."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import Fall, Hit, Severity, Window

NUMBER = 4
NAME = "backflow"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = True
ACTION = "Look at the meter's own backflow alarm and at its non-return valve."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for fall in window.falls:
        before, read = window.reads[fall.number - 1], window.reads[fall.number]
        if fall.kind is Fall.BACKFLOW and read.at_s >= window.from_s:
            yield Hit(before.at_s, read.at_s, {"litres": (read.volume_ml - before.volume_ml) / 1000})
