"""Hourly volumes from irregular register reads: pure, exact, the definition that the database follows.

The register at a full hour is interpolated linearly between the reads around it and rounded half up to
the millilitre; the volume of an hour is the difference of two such registers. Rounding the register, not
the volume, makes the hours of any span sum exactly to the difference of the registers at its ends.
`meterhub.readings.rollup` does the same set-based in SQL; a test holds both together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import pairwise

from meterhub.kit.hours import HOUR, ceil_hour, microseconds

# A register counts as measured at an hour if a read lies this close to it.
MEASURED_WITHIN = timedelta(minutes=5)
# Between reads further apart than this the total is known but the course of use is a guess.
INTERPOLATED_WITHIN = timedelta(hours=3)


class Quality(IntEnum):
    """How an hour's volume is known; larger is worse. A missing hour has no row."""

    MEASURED = 1
    INTERPOLATED = 2
    ESTIMATED = 3


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """The register of one meter at an instant (aware UTC) [ml]."""

    at: datetime
    volume_ml: int


@dataclass(frozen=True, slots=True)
class HourlyVolume:
    """The volume of `[hour, hour + 1 h)` [ml]; negative where the register ran backwards."""

    hour: datetime
    volume_ml: int
    quality: Quality


def register_at(before: RegisterRead, after: RegisterRead, at: datetime) -> int:
    """Return the register [ml] at an instant within two reads, rounded half up."""
    span = microseconds(after.at - before.at)
    part = microseconds(at - before.at)
    return before.volume_ml + (2 * (after.volume_ml - before.volume_ml) * part + span) // (2 * span)


def hourly_volumes(reads: Sequence[RegisterRead]) -> list[HourlyVolume]:
    """Return the volume of every full hour between the first and the last of one meter's reads.

    Reads are in order of time; of several at one instant the last counts.
    """
    distinct = list({read.at: read for read in reads}.values())
    bounds = list(_registers_at_hours(distinct))
    return [
        HourlyVolume(hour, end - start, max(start_quality, end_quality))
        for (hour, start, start_quality), (_, end, end_quality) in pairwise(bounds)
    ]


def _registers_at_hours(reads: Sequence[RegisterRead]) -> Iterator[tuple[datetime, int, Quality]]:
    for before, after in pairwise(reads):
        hour = ceil_hour(before.at)
        while hour < after.at:
            yield hour, register_at(before, after, hour), _quality(before, after, hour)
            hour += HOUR
    if reads and ceil_hour(reads[-1].at) == reads[-1].at:
        yield reads[-1].at, reads[-1].volume_ml, Quality.MEASURED


def _quality(before: RegisterRead, after: RegisterRead, hour: datetime) -> Quality:
    if min(hour - before.at, after.at - hour) <= MEASURED_WITHIN:
        return Quality.MEASURED
    return Quality.INTERPOLATED if after.at - before.at <= INTERPOLATED_WITHIN else Quality.ESTIMATED
