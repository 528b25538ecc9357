"""Registers of the past that a telegram carries with their dates, so that they can become reads.

Readings name such a register and its day in pairs: `target_m3` and `target_date`, or
`consumption_at_history_3_m3` and `history_3_date`. Dates are the meter's own, without a time zone.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from meterhub.wmbus.model import Reading, Telegram

# name of the register, names of its moment; {} stands for the same number or month in both
_PAIRS = (
    ("target_m3", ("target_datetime", "target_date")),
    ("target_{}_m3", ("target_{}_date",)),
    ("historic_m3", ("historic_datetime",)),
    ("last_month_total_m3", ("last_month_measure_date",)),
    ("total_at_date_m3", ("at_date",)),
    ("total_at_set_date_m3", ("set_date",)),
    ("consumption_at_set_date_m3", ("set_datetime", "set_date")),
    ("consumption_at_set_date_{}_m3", ("set_datetime_{}", "set_date_{}")),
    ("consumption_at_reporting_date_m3", ("reporting_date",)),
    ("consumption_at_history_{}_m3", ("history_{}_date",)),
    ("consumption_{}_months_ago_m3", ("history_{}_date",)),
    ("due_m3", ("due_date",)),
    ("due_date_m3", ("due_date",)),
    ("due_17_date_m3", ("due_17_date",)),
    ("volume_year_period_m3", ("meter_year_period_end_date",)),
    ("volume_month_period_m3", ("meter_month_period_end_datetime",)),
    ("{}_total_m3", ("{}_total_date",)),
)
_PATTERNS = tuple((re.compile(name.replace("{}", "([A-Za-z0-9]+)")), moments) for name, moments in _PAIRS)
# its history dates count back from the day of the clock, as users of wmbusmeters know them; the registers
# are those of the month ends, and that of the set day (storage 1) is among them
_MONTH_ENDS = frozenset(("waterstar-m",))
# its target_m3 is what was used in a month, not a register
_NO_REGISTERS = frozenset(("techem-mkradio3a",))


@dataclass(frozen=True, slots=True)
class DatedRegister:
    """A register [m³] as it stood on a day, or at a moment of it; `reading` is the name it came by."""

    on: date
    at: datetime | None
    volume_m3: Decimal
    reading: str


def dated_registers(telegram: Telegram) -> tuple[DatedRegister, ...]:
    """Return a telegram's past registers, oldest first; none where the meter distrusts its own clock."""
    if telegram.driver in _NO_REGISTERS or "clock_error" in telegram.alarms:
        return ()
    found: dict[tuple[date, Decimal], DatedRegister] = {}
    for name, value in telegram.readings.items():
        moment = moment_of(name, telegram.readings)
        if moment is None or not isinstance(value, Decimal | int):
            continue
        at = datetime.fromisoformat(moment) if len(moment) > 10 else None
        on = date.fromisoformat(moment[:10])
        if telegram.driver in _MONTH_ENDS and name.startswith("consumption_at_history_"):
            on = on.replace(day=monthrange(on.year, on.month)[1])
        found.setdefault((on, Decimal(value)), DatedRegister(on, at, Decimal(value), name))
    return tuple(sorted(found.values(), key=lambda register: (register.on, register.reading)))


def moment_of(name: str, readings: Mapping[str, Reading]) -> str | None:
    """Return the date, with or without time, of the register that has this name."""
    for pattern, moments in _PATTERNS:
        matched = pattern.fullmatch(name)
        if matched is None:
            continue
        for moment in moments:
            found = readings.get(moment.format(*matched.groups()))
            if isinstance(found, str):
                return found
    return None
