"""Flow without a place: a meter runs although it hangs at no metering point, so nobody pays for its water."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meterhub.vee.window import Hit, Severity, Window

NUMBER = 3
NAME = "not-installed"
SEVERITY = Severity.MEDIUM
ON_ARRIVAL = False
ACTION = "Enter the installation with its date."


@dataclass(frozen=True, slots=True)
class Parameters:
    """`least_l`: what a test bench or a shake does not explain [L]."""

    least_l: int = 50


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    for before, after in pairwise(window.reads):
        used = after.volume_ml - before.volume_ml
        if after.at_s < window.from_s or used < p.least_l * 1000:
            continue
        if not any(
            place.from_s < after.at_s and (place.until_s is None or place.until_s > before.at_s)
            for place in window.installed
        ):
            yield Hit(before.at_s, after.at_s, {"litres": used / 1000})
