"""Compact profiles as registers with dates: `..._history_1_...` is one step from the base record."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import product

from meterhub.wmbus.driver import Body, Extract
from meterhub.wmbus.headers import resolve
from meterhub.wmbus.model import Diagnostic, Reading, Record
from meterhub.wmbus.profiles import Profile, expand, months_before

_SUFFIXES = {"m3": "m3", "kWh": "kwh", "MJ": "mj", "hca": "hca"}
_INVERSE = "inverse compact profile"
_PROFILES = frozenset((_INVERSE, "compact profile with registers", "compact profile"))
_REGISTERS = (*range(0x03, 0x08), *range(0x0B, 0x10), *range(0x12, 0x17), 0x6E)


def _header(storage: int, vif: int, vifes: str) -> str:
    """Return the header of a profile (data field D) of a storage number below 32."""
    first = 0x8D | (storage & 1) << 6
    return bytes((first, storage >> 1, vif | 0x80)).hex().upper() + vifes


PROFILE_HEADERS = frozenset(
    _header(storage, vif, vifes)
    for storage, vif, vifes in product(range(32), _REGISTERS, ("13", "1E", "1F", "932C", "932E"))
)
"""Headers of the profiles that meters send in practice."""


def profile_history(body: Body) -> Extract | None:
    """Return the registers of all profiles that have a base date, with their dates."""
    readings: dict[str, Reading] = {}
    problems: list[Diagnostic] = []
    for record in body.records:
        suffix = _SUFFIXES.get(record.unit)
        if suffix is None or _PROFILES.isdisjoint(record.qualifiers):
            continue
        day = base_date(body.records, record.storage)
        if day is None:
            continue
        factor = _factor(record)
        try:
            profile = expand(record, _base(body.records, record, factor))
            dates = [step_date(day, profile, n, record) for n in range(1, len(profile.numbers) + 1)]
        except ValueError as error:
            problems.append(Diagnostic("driver", "profile-invalid", record.offset, str(error)))
            continue
        for n, (when, number) in enumerate(zip(dates, profile.numbers, strict=True), 1):
            if number is not None:
                readings[f"consumption_at_history_{n}_{suffix}"] = number * factor
                readings[f"history_{n}_date"] = when.isoformat()
    return Extract(readings, diagnostics=tuple(problems)) if readings or problems else None


def base_date(records: tuple[Record, ...], storage: int) -> date | None:
    """Return the date that belongs to a storage number."""
    for record in records:
        if record.storage == storage and isinstance(record.value, str) and record.quantity in ("date", "datetime"):
            return date.fromisoformat(record.value[:10])
    return None


def step_date(day: date, profile: Profile, n: int, record: Record) -> date:
    """Return the date of slot `n`, counted from 1; ValueError where it leaves the calendar."""
    back = _INVERSE in record.qualifiers
    if profile.unit == "month":
        months = n * profile.spacing
        return months_before(day, months if back else -months)
    if profile.unit == "d" and profile.spacing:
        try:
            return day + timedelta(days=n * profile.spacing * (-1 if back else 1))
        except OverflowError:
            raise ValueError("a profile leaves the calendar") from None
    raise ValueError(f"profile steps of {profile.spacing} {profile.unit} have no dates")


def _factor(record: Record) -> Decimal:
    """Return what one count of a profile stands for, in the record's unit."""
    raw = bytes.fromhex(record.dif_vif)
    vif_at = next(n for n, byte in enumerate(raw) if not byte & 0x80) + 1
    return resolve(bytes((0x04, raw[vif_at] & 0x7F))).factor or Decimal(1)


def _base(records: tuple[Record, ...], profile: Record, factor: Decimal) -> int | None:
    """Return the raw number of the register with the profile's storage number."""
    for record in records:
        if (
            record.storage == profile.storage
            and record.quantity == profile.quantity
            and not record.qualifiers
            and isinstance(record.value, Decimal | int)
        ):
            return int(Decimal(record.value) / factor)
    return None
