"""Which registers of the past that a telegram carries become reads: those that fill a gap and fit. Pure.

A date without a time means the midnight at its end (a set day of 31 December is the register that the year closed
with), but the first of a month the one at its start: meters that store at the turn of the month name it by either
day. A register with a time means that moment. All are the meter's own local times.

A register becomes a read only where nothing better is known: no read within 36 hours, the meter installed, and the
register between its neighbours' with no more flow on either side than the meter can pass. Whatever nearer reads
come later stand beside it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from meterhub.ingest.decoding import MAX_REGISTER_M3
from meterhub.kit.units import volume_ml
from meterhub.wmbus import Telegram
from meterhub.wmbus.history import DatedRegister, dated_registers

NEAR = timedelta(hours=36)  # a read this close makes a register of the past needless
# A meter whose clock is further off dates its registers wrongly; some tell only the date.
CLOCK_WITHIN = timedelta(days=2)
# Q4 = 1.25 x Q3 (ISO 4064-1); homes have Q3 2.5 m³/h. A register of more digits belongs to a larger meter.
HOME_LIMIT_ML_H = 3_125_000
HOME_DIGITS = 5


class PastRegister(NamedTuple):
    """A register [ml] as it stood at an instant (aware UTC); `meter_at` is that in the meter's local time."""

    at: datetime
    meter_at: datetime
    volume_ml: int
    reading: str


class Around(NamedTuple):
    """What is known around an instant: the reads before and after, and since when the meter hung there."""

    before: tuple[datetime, int] | None
    after: tuple[datetime, int] | None
    installed_at: datetime


def past_registers(telegram: Telegram, heard_at: datetime, zone: ZoneInfo) -> tuple[PastRegister, ...]:
    """Return the registers of a telegram that stood before it was heard, oldest first, one an instant."""
    heard_local = heard_at.astimezone(zone).replace(tzinfo=None)
    if telegram.meter_at is not None and abs(telegram.meter_at.replace(tzinfo=None) - heard_local) > CLOCK_WITHIN:
        return ()
    found: dict[datetime, set[PastRegister]] = {}
    for register in dated_registers(telegram):
        if not 0 <= register.volume_m3 < MAX_REGISTER_M3:
            continue
        try:
            meter_at = local_time(register)
            at = meter_at.replace(tzinfo=zone).astimezone(UTC)
            past = PastRegister(at, meter_at, volume_ml(register.volume_m3), register.reading)
        except (ValueError, OverflowError):  # beyond the calendar, or finer than a millilitre
            continue
        if at < heard_at:
            found.setdefault(at, set()).add(past)
    # two names may tell the same register; where they disagree, neither is believed
    return tuple(
        min(several, key=lambda one: one.reading)
        for _, several in sorted(found.items())
        if len({one.volume_ml for one in several}) == 1
    )


def local_time(register: DatedRegister) -> datetime:
    """Return the local time that the date of a register means."""
    if register.at is not None:
        return register.at.replace(tzinfo=None)
    starts = register.on.day == 1
    return datetime.combine(register.on if starts else register.on + timedelta(days=1), time())


def told_at(telegram: Telegram, heard_at: datetime, at: datetime, zone: ZoneInfo) -> int | None:
    """Return the register [ml] that a telegram tells for an instant of the past; None if it tells none."""
    return next((one.volume_ml for one in past_registers(telegram, heard_at, zone) if one.at == at), None)


def fill(registers: Iterable[PastRegister], around: Mapping[datetime, Around], digits: int) -> list[PastRegister]:
    """Return which registers (oldest first) become reads; each that does is a neighbour of the next.

    `around` lacks instants at which the meter hung nowhere.
    """
    limit_ml_h = HOME_LIMIT_ML_H * 10 ** max(0, digits - HOME_DIGITS)
    filled: list[PastRegister] = []
    for register in registers:
        known = around.get(register.at)
        if known is None:
            continue
        if filled and (known.before is None or filled[-1].at > known.before[0]):
            known = known._replace(before=(filled[-1].at, filled[-1].volume_ml))
        if fits(register, known, limit_ml_h):
            filled.append(register)
    return filled


def fits(register: PastRegister, known: Around, limit_ml_h: int) -> bool:
    """Tell whether a register fills a gap and agrees with the reads on both sides of it."""
    if known.after is None or register.at < known.installed_at:
        return False
    here = register.at, register.volume_ml
    spans = [(here, known.after)] if known.before is None else [(known.before, here), (here, known.after)]
    return all(
        end - start > NEAR and 0 <= after_ml - before_ml <= limit_ml_h * ((end - start) / timedelta(hours=1))
        for (start, before_ml), (end, after_ml) in spans
    )
