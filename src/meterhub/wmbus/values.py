"""Data fields of EN 13757-3 as values: integers, BCD, reals, dates, text; invalid markers are None."""

import math
import struct
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

_LAST_YEAR = 99


def bcd(raw: bytes) -> int | None:
    """Read BCD; a leading F is a minus sign, any other non-digit makes the value absent."""
    digits = raw[::-1].hex()
    if digits.isdecimal():
        return int(digits)
    if digits[:1] == "f" and digits[1:].isdecimal():
        return -int(digits[1:])
    return None


def identifier(raw: bytes) -> str | None:
    """Read an identifier with the digits as sent; all F stands for none."""
    digits = raw[::-1].hex().upper()
    return digits if digits.strip("F") else None


def integer(raw: bytes) -> int | None:
    """Read a signed integer; 80…00 means no value (EN 13757-3, annex A)."""
    number = int.from_bytes(raw, "little", signed=True)
    if len(raw) > 1 and raw[-1] == 0x80 and not any(raw[:-1]):
        return None
    return number


def real(raw: bytes) -> Decimal | None:
    """Read an IEEE 754 single as the shortest decimal that gives the same number back."""
    number = struct.unpack("<f", raw)[0]
    if not math.isfinite(number):
        return None
    for digits in range(6, 10):
        text = f"{number:.{digits}g}"
        if _single(text) == raw:
            return Decimal(text)
    return Decimal(f"{number:.9g}")


def _single(text: str) -> bytes:
    """Return the four bytes of a decimal as a single; empty where it does not fit one."""
    try:
        return struct.pack("<f", float(text))
    except OverflowError:
        return b""


def text(raw: bytes) -> str:
    """Read characters (ISO 8859-1), sent last first."""
    return raw[::-1].decode("latin-1")


def _year(low: int, high: int, century: int) -> int:
    """Return the year of types F, G and I; without a century, 81 to 99 are of the last one.

    ValueError for 127, which stands for every year, and for what is reserved.
    """
    year = low >> 5 | (high & 0xF0) >> 1
    if year > _LAST_YEAR:
        raise ValueError("not a year")
    if century == 0:
        return (2000 if year <= 80 else 1900) + year
    return 2000 + year


@lru_cache(maxsize=8192)
def moment(raw: bytes) -> datetime | date | None:
    """Read type G (2 bytes), F (4) or I (6); None for invalid markers and impossible dates."""
    try:
        if len(raw) == 2:
            return date(_year(raw[0], raw[1], 0), raw[1] & 15, raw[0] & 31)
        if len(raw) == 4:
            if raw[0] & 0x80:
                return None
            year = _year(raw[2], raw[3], raw[1] >> 5 & 3)
            return datetime(year, raw[3] & 15, raw[2] & 31, raw[1] & 31, raw[0] & 63)  # noqa: DTZ001 - meter clock
        if len(raw) == 6:
            if raw[1] & 0x80:
                return None
            year = _year(raw[3], raw[4], 0)
            return datetime(year, raw[4] & 15, raw[3] & 31, raw[2] & 31, raw[1] & 63, raw[0] & 63)  # noqa: DTZ001
    except ValueError:
        return None
    return None


@lru_cache(maxsize=8192)
def moment_text(raw: bytes) -> str | None:
    """Return types F, G, I and J (3 bytes, a time of day) as text; seconds where they were sent."""
    if len(raw) == 3:
        second, minute, hour = raw
        return f"{hour:02}:{minute:02}:{second:02}" if hour < 24 and minute < 60 and second < 60 else None
    when = moment(raw)
    if when is None:
        return None
    if isinstance(when, datetime):
        return when.isoformat(" ", "seconds" if len(raw) == 6 else "minutes")
    return when.isoformat()
