"""From stored register reads to the dated reads that rating works on; pure.

A billing day begins at local midnight, reads come at any second. Where the reads around a midnight are close
together, as automatic ones are, the register at it is the straight line between them, in millilitres rounded half
up (as hourly volumes are derived), then once to 0.001 m³. Where they are further apart each counts on its local
date (R1) and rating interpolates by days (R2). Two rules keep every millilitre billed exactly once:

* what one invoice closed with is what the next one opens with, also if better reads came since, and the other
  way round where the later quarter was billed first;
* a meter exchange inside the first day of the time billed is dated one day later, because the midnight before
  it is the opening of the old meter (an exchange on any other day is dated by its local date, R1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meterhub.kit.money import divide_half_up
from meterhub.kit.periods import ONE_DAY, DateRange
from meterhub.kit.units import ML_PER_M3
from meterhub.kit.values import Json
from meterhub.readings.hourly import RegisterRead, register_at

ML_PER_L = 1000
EXCHANGE_SOURCES = ("installation", "removal")
# Reads no further apart than this say what a register was at an instant; others only on which day.
CLOSE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class StoredRead:
    """A row of register_read [ml]."""

    id: int
    at: datetime
    volume_ml: int
    source: str
    raw_frame_id: int | None


@dataclass(frozen=True, slots=True)
class Boundary:
    """A local midnight at which the register is needed, and the reads around it."""

    on: date
    at: datetime
    before: StoredRead | None
    after: StoredRead | None

    @property
    def is_close(self) -> bool:
        """Whether the reads around say what the register was at this midnight."""
        before, after = self.before, self.after
        if before is None or after is None:
            return False
        return before.at == self.at or after.at - before.at <= CLOSE


@dataclass(frozen=True, slots=True)
class Carried:
    """The register of a meter that the document before or after shares with this one [ml].

    `document` says which: the number of an issued one, or the contract whose draft it is; `basis` how.
    """

    volume_ml: int
    basis: str
    document: Json


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day begins."""
    return datetime.combine(day, time(), zone)


def register_between(at: datetime, before: StoredRead, after: StoredRead, digits: int) -> int:
    """Return the register at an instant between two reads [ml], rounded to the millilitre.

    Between a read near the end of the register and a lower one the register has rolled over.
    """
    if after.at == before.at:
        return before.volume_ml
    modulus: int = 10**digits * ML_PER_M3
    rolled_over = after.volume_ml < before.volume_ml and before.volume_ml * 10 > 9 * modulus
    end_ml = after.volume_ml + (modulus if rolled_over else 0)
    value = register_at(RegisterRead(before.at, before.volume_ml), RegisterRead(after.at, end_ml), at)
    return value % modulus


def whole_litres_ml(volume_ml: int) -> int:
    """Round to 0.001 m³, half up; still in millilitres."""
    return divide_half_up(volume_ml, ML_PER_L) * ML_PER_L


def dated_reads(
    meter_id: int,
    digits: int,
    billed: DateRange,
    zone: ZoneInfo,
    boundaries: Sequence[Boundary],
    exchange: Sequence[StoredRead],
    carried: Mapping[date, Carried],
) -> list[Json]:
    """Return the reads of one installation as they enter the snapshot, in order of days."""
    reads: dict[tuple[date, str], Json] = {}
    for boundary in boundaries:
        read = _at_boundary(boundary, digits, carried.get(boundary.on))
        if read is not None:
            reads[boundary.on, read["source"]] = read
    for stored in exchange:
        on = stored.at.astimezone(zone).date()
        if on == billed.start and stored.at > local_midnight(on, zone):
            on += ONE_DAY
        reads[on, stored.source] = _dated(on, stored.source, stored.volume_ml, "read", [stored])
    # reads on one side only, or far from the boundary: rating decides what they say of it
    fixed = {day for day, _source in reads}
    opened = billed.start if billed.start in carried else None
    for boundary in boundaries:
        if boundary.on in carried or boundary.is_close:
            continue
        for one in (boundary.before, boundary.after):
            if one is None:
                continue
            on = one.at.astimezone(zone).date()
            if on not in fixed and (opened is None or on > opened):
                reads[on, one.source] = _dated(on, one.source, one.volume_ml, "read", [one])
    ordered = [reads[key] for key in sorted(reads)]
    return [{"ref": f"{meter_id}/{read['on']}/{read['source']}", **read} for read in ordered]


def _at_boundary(boundary: Boundary, digits: int, carried: Carried | None) -> Json | None:
    if carried is not None:
        return _dated(boundary.on, "amr", carried.volume_ml, carried.basis, []) | carried.document
    before, after = boundary.before, boundary.after
    if before is None or after is None or not boundary.is_close:
        return None
    if before.at == boundary.at:
        return _dated(boundary.on, before.source, before.volume_ml, "read", [before])
    volume_ml = register_between(boundary.at, before, after, digits)
    return _dated(boundary.on, "amr", volume_ml, "interpolated", [before, after]) | {"at": boundary.at.isoformat()}


def _dated(on: date, source: str, volume_ml: int, basis: str, stored: Sequence[StoredRead]) -> Json:
    return {
        "on": on.isoformat(),
        "source": source,
        "volume_ml": whole_litres_ml(volume_ml),
        "basis": basis,
        "reads": [
            {
                "id": read.id,
                "at": read.at.isoformat(),
                "volume_ml": read.volume_ml,
                "source": read.source,
                "raw_frame_id": read.raw_frame_id,
            }
            for read in stored
        ],
    }
