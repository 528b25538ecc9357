"""Frozen rate: hour by hour exactly the same volume; a leak, or a telegram that is repeated with a new stamp."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import HOUR_S, Hit, Hour, Severity, Window

MEASURED_OR_INTERPOLATED = 2

NUMBER = 12
NAME = "frozen-rate"
SEVERITY = Severity.LOW
ON_ARRIVAL = False
ACTION = "Look for a leak alert; if there is none, look at what the meter sends."


@dataclass(frozen=True, slots=True)
class Parameters:
    """So many hours in a row, at least so much an hour [L]."""

    hours: int = 12
    least_l: int = 2


def check(window: Window, p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    run: list[Hour] = []
    for hour in [*window.hours, Hour(0, 0, 0)]:
        follows = run and hour.at_s == run[-1].at_s + HOUR_S and hour.volume_ml == run[-1].volume_ml
        if follows:
            run.append(hour)
            continue
        if len(run) >= p.hours and run[-1].at_s >= window.from_s:
            evidence = {"hours": len(run), "litres_an_hour": run[0].volume_ml / 1000}
            yield Hit(run[0].at_s, run[-1].at_s + HOUR_S, evidence)
        run = [hour] if hour.volume_ml >= p.least_l * 1000 and hour.quality <= MEASURED_OR_INTERPOLATED else []
