"""Detectors of leaks: one file each, found by being there.

A detector is a module with `KIND` (a stable name), `INCLUDED_IN` (kinds whose open alert already tells of
the same water), `NORMAL_AFTER_S` (how long nothing is found before its alert closes) and
`detect(moment, limits) -> Finding | None`: pure, and causal because a moment holds only what was known at
its read.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from meterhub.alerts.flow import Moment
from meterhub.alerts.habits import Limits


class Severity(StrEnum):
    """How soon somebody should act: low in a digest, medium in days, high the same day."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


HIGH_ML_H = 50_000
MEDIUM_ML_H = 10_000


def severity_of(rate_ml_h: float) -> Severity:
    """Return the severity of a steady loss: above 50 L/h high, from 10 L/h medium."""
    if rate_ml_h > HIGH_ML_H:
        return Severity.HIGH
    return Severity.MEDIUM if rate_ml_h >= MEDIUM_ML_H else Severity.LOW


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw at a read: the loss never fell below `rate_ml_h` from `onset_s` to `seen_until_s`.

    `evidence` holds the numbers behind it: litres per hour, hours, and the meter's own limits.
    """

    kind: str
    severity: Severity
    onset_s: int
    seen_until_s: int
    rate_ml_h: int
    evidence: dict[str, float | int | str]

    @property
    def volume_ml(self) -> int:
        """Return what was lost at least [ml]."""
        return self.rate_ml_h * (self.seen_until_s - self.onset_s) // 3600


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector as found in this folder."""

    kind: str
    included_in: frozenset[str]
    normal_after_s: int
    detect: Callable[[Moment, Limits], Finding | None]


@lru_cache
def detectors() -> tuple[Detector, ...]:
    """Return all detectors, those first whose alerts include others."""
    modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    found = [Detector(m.KIND, frozenset(m.INCLUDED_IN), m.NORMAL_AFTER_S, m.detect) for m in modules]
    return tuple(sorted(found, key=lambda detector: (len(detector.included_in), detector.kind)))
