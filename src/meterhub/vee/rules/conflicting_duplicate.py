"""Conflicting duplicate: different registers of a meter at the same instant; the last one stored counts."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import Hit, Severity, Window

NUMBER = 2
NAME = "conflicting-duplicate"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = True
ACTION = "Set aside the one that does not lie between its neighbours."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    registers = {read.at_s: read.volume_ml for read in window.reads}
    for twin in window.twins:
        if twin.at_s >= window.from_s and registers.get(twin.at_s, twin.volume_ml) != twin.volume_ml:
            evidence = {"litres": registers[twin.at_s] / 1000, "other_litres": twin.volume_ml / 1000}
            yield Hit(twin.at_s, twin.at_s, {**evidence, "read": twin.id})
