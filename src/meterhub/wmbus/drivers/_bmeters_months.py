"""BMeters' twelve registers of the calendar months, January first, in 0.01 m³."""

from datetime import date, timedelta
from decimal import Decimal

from meterhub.wmbus.model import Reading

_NAMES = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_BYTES = 3
SIZE = _BYTES * len(_NAMES)


def month_ends(raw: bytes, clock: str) -> dict[str, Reading]:
    """Return registers by month; with the meter's clock (ISO text) each has the day it was written.

    A register is written at the end of its month, so that of the clock's own month is a year old.
    """
    today = date.fromisoformat(clock[:10]) if clock else None
    readings: dict[str, Reading] = {}
    for month, name in enumerate(_NAMES, 1):
        number = int.from_bytes(raw[_BYTES * month - _BYTES : _BYTES * month], "little")
        if number in (0, 0xFFFFFF):
            continue  # not written yet
        readings[f"{name}_total_m3"] = Decimal(number).scaleb(-2)
        if today is not None:
            year = today.year if month < today.month else today.year - 1
            readings[f"{name}_total_date"] = (
                date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
            ).isoformat()
    return readings
