"""Physical limit: more water between two reads than the meter can pass (Q4 = 1.25 x Q3, Q3 of homes 2.5 m³/h)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meterhub.vee.window import HOUR_S, Hit, Severity, Window, still_off, unit_change

NUMBER = 9
NAME = "physical-limit"
SEVERITY = Severity.HIGH
ON_ARRIVAL = True
ACTION = "Compare with the register at the meter; set the wrong read aside."


@dataclass(frozen=True, slots=True)
class Parameters:
    """`least_l`: below this the resolution of stamps says nothing [L]."""

    least_l: int = 200


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    off = still_off(window)
    for number, (before, after) in enumerate(pairwise(window.reads), start=1):
        used, span_s = after.volume_ml - before.volume_ml, after.at_s - before.at_s
        if after.at_s < window.from_s or used < p.least_l * 1000 or used * HOUR_S <= window.limit_ml_h * span_s:
            continue
        if {number - 1, number} & off or before.source == "removal" or after.source == "installation":
            continue
        if unit_change(before.volume_ml, after.volume_ml) > 1:
            continue
        rate = used * HOUR_S / span_s / 1000
        yield Hit(
            before.at_s,
            after.at_s,
            {"litres_an_hour": round(rate), "limit_litres_an_hour": window.limit_ml_h // 1000, "read": after.id},
        )
