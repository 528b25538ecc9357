"""Hourly volumes from irregular register reads: pure, exact, the definition that the database follows.

The register at a full hour is interpolated linearly between the reads around it and rounded half up to
the millilitre; the volume of an hour is the difference of two such registers. Rounding the register, not
the volume, makes the hours of any span sum exactly to the difference of the registers at its ends.

A meter that hangs nowhere does not run: before an installation read and after a removal read the register
stands still to the full hour, so that the hours of both meters of an exchange sum exactly at their point, and
nothing is interpolated from a removal to the next installation. A register that falls (or rises) by most of
its capacity has rolled over. `meterhub.readings.rollup` does the same set-based in SQL; a test holds both
together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from itertools import pairwise

from meterhub.kit.hours import HOUR, ceil_hour, floor_hour, microseconds
from meterhub.kit.units import ML_PER_M3

# A register counts as measured at an hour if a read lies this close to it.
MEASURED_WITHIN = timedelta(minutes=5)
# Between reads further apart than this the total is known but the course of use is a guess.
INTERPOLATED_WITHIN = timedelta(hours=3)
# A step by more than this part of the capacity, in tenths, is a register that went past its end.
ROLLOVER_TENTHS = 8


class Quality(IntEnum):
    """How an hour's volume is known; larger is worse. A missing hour has no row."""

    MEASURED = 1
    INTERPOLATED = 2
    ESTIMATED = 3
    EDITED = 4


class Kind(StrEnum):
    """What a read says besides the register; `estimate` is none, but a register computed for a full hour."""

    ORDINARY = "ordinary"
    INSTALLATION = "installation"
    REMOVAL = "removal"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """The register of one meter at an instant (aware UTC) [ml]."""

    at: datetime
    volume_ml: int
    kind: Kind = Kind.ORDINARY


@dataclass(frozen=True, slots=True)
class HourlyVolume:
    """The volume of `[hour, hour + 1 h)` [ml]; negative where the register ran backwards."""

    hour: datetime
    volume_ml: int
    quality: Quality


def capacity_ml(digits: int) -> int:
    """Return the volume at which a register of so many digits of m³ begins again."""
    capacity: int = 10**digits * ML_PER_M3
    return capacity


def step_ml(change_ml: int, capacity: int) -> int:
    """Return the volume behind a change of the register, which may have gone past its end (or zero)."""
    limit = capacity // 10 * ROLLOVER_TENTHS
    if change_ml < -limit:
        return change_ml + capacity
    return change_ml - capacity if change_ml > limit else change_ml


def register_at(before: RegisterRead, after: RegisterRead, at: datetime) -> int:
    """Return the register [ml] at an instant within two reads, rounded half up."""
    span = microseconds(after.at - before.at)
    part = microseconds(at - before.at)
    return before.volume_ml + (2 * (after.volume_ml - before.volume_ml) * part + span) // (2 * span)


def hourly_volumes(reads: Sequence[RegisterRead], *, digits: int = 9) -> list[HourlyVolume]:
    """Return the volume of every full hour between the first and the last of one meter's reads.

    Reads are in order of time; of several at one instant the last counts. Hours between a removal and the next
    installation are left out.
    """
    hours: dict[datetime, HourlyVolume] = {}
    for segment in _segments(list({read.at: read for read in reads}.values())):
        bounds = list(_registers_at_hours(_without_rollover(segment, capacity_ml(digits))))
        for (hour, start, start_quality), (_, end, end_quality) in pairwise(bounds):
            other = hours.get(hour, HourlyVolume(hour, 0, Quality.MEASURED))
            quality = max(start_quality, end_quality, other.quality)
            hours[hour] = HourlyVolume(hour, end - start + other.volume_ml, quality)
    return list(hours.values())


def _segments(reads: Sequence[RegisterRead]) -> Iterator[Sequence[RegisterRead]]:
    """Cut reads where the meter was taken out or put in."""
    start = 0
    for number, (before, after) in enumerate(pairwise(reads), start=1):
        if before.kind is Kind.REMOVAL or after.kind is Kind.INSTALLATION:
            yield reads[start:number]
            start = number
    yield reads[start:]


def _without_rollover(reads: Sequence[RegisterRead], capacity: int) -> Sequence[RegisterRead]:
    """Return the reads as a register of endless capacity would show them."""
    endless = list(reads[:1])
    for before, after in pairwise(reads):
        volume_ml = endless[-1].volume_ml + step_ml(after.volume_ml - before.volume_ml, capacity)
        endless.append(replace(after, volume_ml=volume_ml))
    return endless


def _registers_at_hours(reads: Sequence[RegisterRead]) -> Iterator[tuple[datetime, int, Quality]]:
    if not reads:
        return
    first, last = reads[0], reads[-1]
    if first.kind is Kind.INSTALLATION and floor_hour(first.at) < first.at:
        yield floor_hour(first.at), first.volume_ml, Quality.MEASURED
    for before, after in pairwise(reads):
        hour = ceil_hour(before.at)
        while hour < after.at:
            yield hour, register_at(before, after, hour), _quality(before, after, hour)
            hour += HOUR
    if ceil_hour(last.at) == last.at or last.kind is Kind.REMOVAL:
        estimated = last.kind is Kind.ESTIMATE
        yield ceil_hour(last.at), last.volume_ml, Quality.ESTIMATED if estimated else Quality.MEASURED


def _quality(before: RegisterRead, after: RegisterRead, hour: datetime) -> Quality:
    if before.kind is Kind.ESTIMATE and hour == before.at:
        return Quality.ESTIMATED
    if min(hour - before.at, after.at - hour) <= MEASURED_WITHIN:
        return Quality.MEASURED
    return Quality.INTERPOLATED if after.at - before.at <= INTERPOLATED_WITHIN else Quality.ESTIMATED
