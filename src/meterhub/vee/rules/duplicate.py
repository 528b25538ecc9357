"""Duplicate: the same register of a meter at the same instant, stored more than once."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import Hit, Severity, Window

NUMBER = 1
NAME = "duplicate"
SEVERITY = Severity.LOW
ON_ARRIVAL = True
ACTION = "Nothing to do: the reads count once."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for twin in window.twins:
        if twin.at_s >= window.from_s and (twin.at_s, twin.volume_ml) in {
            (r.at_s, r.volume_ml) for r in window.reads
        }:
            yield Hit(twin.at_s, twin.at_s, {"litres": twin.volume_ml / 1000})
