"""How water was probably used while nothing was read; pure.

Between two reads the total is certain and only its course is a guess: the difference of the registers is shared
out by the home's own mean for each hour of the week in the eight weeks before (`profile`). After the last read the
total is a guess too: each day is taken from the nearest day like it before (`like-day`): the same weekday, Tuesday
to Thursday standing in for each other. Only hours that were measured or interpolated count, so that no estimate
rests on another, and the same reads always give the same estimates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from meterhub.kit.hours import HOUR, floor_hour
from meterhub.readings.hourly import INTERPOLATED_WITHIN, MEASURED_WITHIN, step_ml

HISTORY = timedelta(weeks=8)
# Fewer known hours than two weeks have say too little about a week.
LEAST_HOURS = 336
# Two quarterly bills would be the limit of the trade; a month is the limit of likeness.
LONGEST = timedelta(days=35)
HOURS_A_WEEK = 168
MIDWEEK = (1, 2, 3)

Volumes = Mapping[datetime, int]


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without reads: the registers before and after it [ml]; a gap without an end has none after."""

    before_at: datetime
    before_ml: int
    after_at: datetime | None = None
    after_ml: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The register at each full hour of a gap from `first_at` on [ml]."""

    first_at: datetime
    registers_ml: tuple[int, ...]
    method: str


def is_gap(before_at: datetime, after_at: datetime) -> bool:
    """Tell whether the time between two reads is too long to interpolate, and not too long to estimate."""
    return INTERPOLATED_WITHIN < after_at - before_at <= LONGEST


def fill(gap: Gap, known: Volumes, capacity: int, zone: ZoneInfo) -> Estimate | None:
    """Share out the difference of the registers by the profile; None where a straight line is all there is."""
    if gap.after_at is None or gap.after_ml is None:
        return None
    used = step_ml(gap.after_ml - gap.before_ml, capacity)
    profile = _profile(known, gap.before_at, zone)
    if used <= 0 or profile is None:
        return None
    parts: list[tuple[datetime, int]] = []
    total = 0
    start = gap.before_at
    while start < gap.after_at:
        end = min(floor_hour(start) + HOUR, gap.after_at)
        total += profile[_hour_of_week(start, zone)] * int((end - start) / timedelta(microseconds=1))
        parts.append((end, total))
        start = end
    if total == 0:
        return None
    registers = [
        (end, (gap.before_ml + (2 * used * part + total) // (2 * total)) % capacity)
        for end, part in parts
        if end - gap.before_at > MEASURED_WITHIN and gap.after_at - end > MEASURED_WITHIN
    ]
    return _estimate(registers, "profile")


def forecast(gap: Gap, until: datetime, known: Volumes, capacity: int, zone: ZoneInfo) -> Estimate | None:
    """Continue a register after its last read by like days, as far as there are any."""
    register = gap.before_ml
    registers = []
    hour = floor_hour(gap.before_at)
    end = min(floor_hour(until), floor_hour(gap.before_at + LONGEST))
    while hour < end:
        volume = _like(hour, gap.before_at, known, zone)
        if volume is None:
            break
        share = (hour + HOUR - max(hour, gap.before_at)) / HOUR
        register += max(0, round(volume * share))
        hour += HOUR
        registers.append((hour, register % capacity))
    return _estimate(registers, "like-day")


def _estimate(registers: list[tuple[datetime, int]], method: str) -> Estimate | None:
    if not registers:
        return None
    return Estimate(registers[0][0], tuple(register for _, register in registers), method)


def _hour_of_week(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def _profile(known: Volumes, before: datetime, zone: ZoneInfo) -> list[int] | None:
    """Return the mean of each hour of the week [ml]; where one is not known, that of the hour of the day."""
    sums, counts = [0] * HOURS_A_WEEK, [0] * HOURS_A_WEEK
    for hour, volume in known.items():
        if before - HISTORY <= hour and hour + HOUR <= before:
            number = _hour_of_week(hour, zone)
            sums[number] += volume
            counts[number] += 1
    if sum(counts) < LEAST_HOURS:
        return None
    result = []
    for number in range(HOURS_A_WEEK):
        alike = [number] if counts[number] else range(number % 24, HOURS_A_WEEK, 24)
        count = sum(counts[other] for other in alike)
        result.append(max(0, sum(sums[other] for other in alike)) // count if count else 0)
    return result


def _like(hour: datetime, before: datetime, known: Volumes, zone: ZoneInfo) -> int | None:
    local = hour.astimezone(zone)
    for back in range(1, HISTORY.days + LONGEST.days):
        day = local - timedelta(days=back)  # the same time of day by the clock on the wall
        if day.weekday() != local.weekday() and not {day.weekday(), local.weekday()} <= set(MIDWEEK):
            continue
        other = day.astimezone(UTC)
        if other + HOUR <= before and other in known:
            return known[other]
    return None
