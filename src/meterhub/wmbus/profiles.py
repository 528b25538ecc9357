"""Compact profiles of EN 13757-3, annex F: one record that carries a series of values."""

from dataclasses import dataclass
from datetime import date, timedelta

from meterhub.wmbus import values
from meterhub.wmbus.model import Record

_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 6: 6, 7: 8, 9: 1, 10: 2, 11: 3, 12: 4, 14: 6}
_UNITS = ("s", "min", "h", "d")
_MODES = ("absolute", "increments", "decrements", "difference")
_MONTH, _HALF_MONTH = 254, 253


@dataclass(frozen=True, slots=True)
class Profile:
    """A series of raw numbers, None where the meter has none, and the step between them.

    `unit` is s, min, h, d, month or half-month; `spacing` 0 stands for a plain array.
    """

    unit: str
    spacing: int
    numbers: tuple[int | None, ...]


def expand(record: Record, base: int | None) -> Profile:
    """Return the series of a profile record; ValueError for reserved codes.

    `base` is the raw number of the record with the same storage number. Inverse profiles go back in
    time from it, so an older value is the younger one minus its increment (or plus its decrement).
    """
    body = record.raw[1:]
    if len(body) < 2:
        raise ValueError("a profile starts with two bytes")
    mode, unit, spacing = _MODES[body[0] >> 6], _UNITS[body[0] >> 4 & 3], body[1]
    size = _SIZES.get(body[0] & 15)
    if size is None:
        raise ValueError(f"profile slots of data field {body[0] & 15} are not defined")
    if spacing > 250:
        unit, spacing = _calendar_step(unit, spacing)
    slots = (body[at : at + size] for at in range(2, len(body) - size + 1, size))
    read = values.bcd if body[0] & 15 >= 9 else values.integer
    numbers = (None if set(slot) == {0xFF} and mode != "difference" else read(slot) for slot in slots)
    if mode == "absolute":
        return Profile(unit, spacing, tuple(numbers))
    sign = -1 if mode == "decrements" else 1
    if "inverse compact profile" in record.qualifiers:
        sign = -sign
    series: list[int | None] = []
    last = base
    for number in numbers:
        if number is None or last is None:
            break
        last += sign * number
        series.append(last)
    return Profile(unit, spacing, tuple(series))


def _calendar_step(unit: str, spacing: int) -> tuple[str, int]:
    """Return the steps that are not a number of seconds."""
    if spacing == _MONTH and unit != "s":
        return "month", {"d": 1, "h": 3, "min": 6}[unit]
    if spacing == _HALF_MONTH and unit == "d":
        return "half-month", 1
    raise ValueError(f"profile spacing {spacing} {unit} is reserved")


def months_before(day: date, months: int) -> date:
    """Return the day so many months earlier; the end of a month stays the end of a month."""
    index = day.year * 12 + day.month - 1 - months
    first = date(index // 12, index % 12 + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    at_end = (day + timedelta(days=1)).day == 1
    return last if at_end or day.day > last.day else first.replace(day=day.day)
