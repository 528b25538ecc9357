"""Swap: the register fell by much and went on from there, without an exchange on record."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import Fall, Hit, Severity, Window

NUMBER = 6
NAME = "swap"
SEVERITY = Severity.HIGH
ON_ARRIVAL = True
ACTION = "Enter the exchange with the removal and installation reads; if there was none, look at the meter."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for fall in window.falls:
        before, read = window.reads[fall.number - 1], window.reads[fall.number]
        if fall.kind is Fall.SWAP and read.at_s >= window.from_s:
            evidence = {"from_m3": before.volume_ml / 1e6, "to_m3": read.volume_ml / 1e6, "read": read.id}
            yield Hit(before.at_s, read.at_s, evidence)
