"""What a rule looks at: some time of one meter, prepared once for all rules; pure.

Instants are whole seconds since 1970 (UTC), volumes millilitres. Rules report what begins at `from_s` or later;
what lies before is there to compare with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise

from meterhub.readings.hourly import ROLLOVER_TENTHS

HOUR_S = 3600
DAY_S = 86_400
# A smaller fall may be water running back; a larger one is a mistake or another register.
BACKFLOW_ML = 100_000
UNIT_FACTORS = (10, 100, 1000)
# Registers below this are like many others times ten.
LEAST_FOR_UNIT_ML = 1_000_000


class Severity(StrEnum):
    """How much depends on somebody looking: low is for information, high falsifies consumption."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Read:
    """A register read that counts; `clock_s` is the meter's clock minus the time of reception, if it told one."""

    at_s: int
    volume_ml: int
    source: str = "amr"
    clock_s: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour as stored; `quality` as in meterhub.readings.hourly.Quality."""

    at_s: int
    volume_ml: int
    quality: int


@dataclass(frozen=True, slots=True)
class Day:
    """A local day's sum."""

    on: date
    start_s: int
    volume_ml: int
    hours: int


@dataclass(frozen=True, slots=True)
class Installed:
    """When a meter hung somewhere; no end is None."""

    from_s: int
    until_s: int | None


class Fall(StrEnum):
    """Why a register is lower than before."""

    SPIKE = "spike"
    DIP = "dip"
    BACKFLOW = "backflow"
    ROLLOVER = "rollover"
    SWAP = "swap"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Step:
    """A fall of the register by kind: the suspicious read is at `number`, the last good one before it."""

    kind: Fall
    number: int


@dataclass(frozen=True, slots=True)
class Window:
    """One meter from some time before `from_s` to `until_s`; `reads` by time, one an instant.

    `twins` are further reads of instants that have one, `falls` every decrease of the register by its kind.
    """

    from_s: int
    until_s: int
    capacity_ml: int
    limit_ml_h: int
    reads: Sequence[Read]
    twins: Sequence[Read] = ()
    hours: Sequence[Hour] = ()
    days: Sequence[Day] = ()
    installed: Sequence[Installed] = ()
    falls: Sequence[Step] = field(default=())


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found; `evidence` holds the numbers, in litres, hours and days."""

    start_s: int
    end_s: int
    evidence: Mapping[str, float | int | str]


def one_an_instant(rows: Sequence[Read]) -> tuple[list[Read], list[Read]]:
    """Return reads in order of time, of several at one instant the last, and those others."""
    last = {read.at_s: read for read in rows}
    reads = sorted(last.values(), key=lambda read: read.at_s)
    return reads, [read for read in rows if last[read.at_s] is not read]


def falls(reads: Sequence[Read], capacity_ml: int) -> list[Step]:
    """Say for each fall of a register what it is, from the reads around it.

    Where one read is off and the next back on its way, it is the read (spike, dip); where the register went on
    from what it fell to, it is the water or the meter (backflow, rollover, swap, unit).
    """
    found = []
    for number, (before, after) in enumerate(pairwise(reads), start=1):
        drop = before.volume_ml - after.volume_ml
        if drop <= 0 or before.source == "removal" or after.source == "installation":
            continue
        if drop > capacity_ml // 10 * ROLLOVER_TENTHS:
            found.append(Step(Fall.ROLLOVER, number))
        elif drop < BACKFLOW_ML:
            found.append(Step(Fall.BACKFLOW, number))
        elif number >= 2 and reads[number - 2].volume_ml <= after.volume_ml:
            found.append(Step(Fall.SPIKE, number - 1))
        elif number + 1 < len(reads):
            back = reads[number + 1].volume_ml >= before.volume_ml
            on = Fall.UNIT if unit_change(before.volume_ml, after.volume_ml) > 1 else Fall.SWAP
            found.append(Step(Fall.DIP if back else on, number))
    return found


def unit_change(before_ml: int, after_ml: int) -> int:
    """Return by which power of ten one register is the other, give or take a little use; 1 if by none."""
    low, high = sorted((before_ml, after_ml))
    factors = (factor for factor in UNIT_FACTORS if abs(high - factor * low) * 200 <= high)
    return next(factors, 1) if low >= LEAST_FOR_UNIT_ML else 1


def still_off(window: Window) -> frozenset[int]:
    """Return the numbers of reads that other rules take for wrong, so that steps to and from them say nothing."""
    return frozenset(fall.number for fall in window.falls)
