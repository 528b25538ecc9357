"""Dip: one read is far too low, the next is back on its way."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import Fall, Hit, Severity, Window

NUMBER = 8
NAME = "dip"
SEVERITY = Severity.HIGH
ON_ARRIVAL = True
ACTION = "Set the read aside."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for fall in window.falls:
        read = window.reads[fall.number]
        if fall.kind is Fall.DIP and read.at_s >= window.from_s:
            off = read.volume_ml - window.reads[fall.number - 1].volume_ml
            yield Hit(read.at_s, read.at_s, {"litres": off / 1000, "read": read.id})
