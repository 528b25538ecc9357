"""Dates that Techem and Apator pack into 16 bits: with a year, or without one and following another."""

from datetime import date


def packed_day(packed: int) -> date | None:
    """Return the date in day (5 bits), month (4), year (7); None where there is no such day."""
    try:
        return date(2000 + (packed >> 9), packed >> 5 & 15, packed & 31)
    except ValueError:
        return None


def following(set_day: date, packed: int) -> date | None:
    """Return the first day after `set_day` with month and day as packed above four other bits."""
    month, day = packed >> 9 & 15, packed >> 4 & 31
    later = (month, day) > (set_day.month, set_day.day)
    try:
        return date(set_day.year if later else set_day.year + 1, month, day)
    except ValueError:
        return None
