"""From records to named readings: a driver's fields applied, values converted to the name's unit.

What a driver makes of a record depends on the record's header alone, so it is planned once for each
header and kept.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from meterhub.wmbus import values
from meterhub.wmbus.driver import Driver, Field, Flags
from meterhub.wmbus.headers import Header
from meterhub.wmbus.model import Reading, Value
from meterhub.wmbus.records import Item

Convert = Callable[[Value], Reading | None]

_PLAN_LIMIT = 1024
_MICRO = Decimal("0.000001")
_MOST_DIGITS = 20  # a decimal of 28 digits has this many before six places
# seconds; a year is the Gregorian mean year
_SECONDS = {
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "month": Decimal(2629746),
    "y": Decimal(31556952),
}
_FACTORS = {
    ("m3", "m3"): Decimal(1),
    ("ft3", "m3"): Decimal("0.028316846592"),
    ("gal", "m3"): Decimal("0.003785411784"),
    ("m3/h", "m3h"): Decimal(1),
    ("m3/min", "m3h"): Decimal(60),
    ("m3/s", "m3h"): Decimal(3600),
    ("C", "c"): Decimal(1),
    ("K", "c"): Decimal(1),
    ("K", "k"): Decimal(1),
    ("kWh", "kwh"): Decimal(1),
    ("MJ", "mj"): Decimal(1),
    ("MJ", "kwh"): 1 / Decimal("3.6"),
    ("kW", "kw"): Decimal(1),
    ("MJ/h", "kw"): 1 / Decimal("3.6"),
    ("bar", "bar"): Decimal(1),
    ("V", "v"): Decimal(1),
    ("A", "a"): Decimal(1),
    ("%", "rh"): Decimal(1),
    ("kg", "kg"): Decimal(1),
    ("kg/h", "kgh"): Decimal(1),
    ("hca", "hca"): Decimal(1),
    ("dBm", "dbm"): Decimal(1),
}
# OMS Volume 2, 7.2.5.1: bits 0 and 1 are one number
_TPL_BITS = {0x04: "low_battery", 0x08: "permanent_error", 0x10: "temporary_error"}
_TPL_STATES = {2: "application_error", 3: "abnormal"}


class Plan(NamedTuple):
    """What a driver does with records of one header."""

    readings: tuple[tuple[str, Convert | None], ...]
    flags: Flags | None
    clock: bool


class Named(NamedTuple):
    """Readings, alarms and the meter's clock of one telegram."""

    readings: dict[str, Reading]
    alarms: tuple[str, ...]
    meter_at: datetime | None


_plans: dict[str, dict[bytes, Plan]] = {}


def plan_for(driver: Driver, header: Header) -> Plan:
    """Return what `driver` does with records of this header."""
    plans = _plans.setdefault(driver.name, {})
    plan = plans.get(header.raw)
    if plan is None:
        if len(plans) >= _PLAN_LIMIT:
            plans.clear()
        plan = plans[header.raw] = _plan(driver, header)
    return plan


def _plan(driver: Driver, header: Header) -> Plan:
    named = [
        (field.name.format(n=header.storage + field.shift), field.convert or converter(header, field.name))
        for field in driver.fields
        if _selects(field, header) and (field.convert or _convertible(header, field.name))
    ]
    flags = None
    if header.kind == "flags":
        flags = next((entry for entry in driver.flags if _flagged(entry, header)), None)
        if flags is None and header.quantity == "error flags" and header.storage == 0:
            flags = Flags({})
    clock = header.quantity == "datetime" and _plain(header)
    return Plan(tuple(named), flags, clock)


def _plain(header: Header) -> bool:
    """Tell whether a record stands for the present state as a whole."""
    return (
        not (header.storage or header.tariff_register or header.subunit or header.qualifiers)
        and header.function == "instantaneous"
    )


def _flagged(entry: Flags, header: Header) -> bool:
    if entry.dif_vif:
        return entry.dif_vif == header.dif_vif
    return entry.quantity == header.quantity and header.storage == 0


def _selects(field: Field, header: Header) -> bool:
    """Tell whether a field reads records of this header."""
    if field.dif_vif:
        return field.dif_vif == header.dif_vif
    storage = field.storage
    return (
        (header.quantity == field.quantity or (field.quantity == "moment" and header.kind == "date"))
        and (header.storage in storage if isinstance(storage, range) else header.storage == storage)
        and header.tariff_register == field.tariff
        and header.subunit == field.subunit
        and header.function == (field.function or header.function)
        and header.qualifiers == field.qualifiers
        and header.kind != "profile"
    )


def _convertible(header: Header, name: str) -> bool:
    """Tell whether the record's unit can be turned into the one that ends `name`."""
    if header.kind != "number" or not header.unit:
        return True
    suffix = name.rpartition("_")[2]
    return (
        (header.unit, suffix) in _FACTORS
        or (header.unit in _SECONDS and suffix in _SECONDS)
        or (header.unit, suffix) == ("F", "c")
    )


def converter(header: Header, name: str) -> Convert | None:
    """Return what turns a record's value into the unit that ends `name`; None where nothing is to do."""
    if header.kind == "date":
        return _first_ten if name.endswith("_date") else None
    if header.kind != "number":
        return None
    suffix = name.rpartition("_")[2]
    if header.unit in _SECONDS and suffix in _SECONDS:
        return _ratio(_SECONDS[header.unit], _SECONDS[suffix])
    if header.unit == "F" and suffix == "c":
        return _fahrenheit
    if not header.unit:
        return _whole
    factor = _FACTORS[header.unit, suffix]
    return None if factor == 1 else _ratio(factor, Decimal(1))


def _first_ten(value: Value) -> Reading | None:
    """Return the date of a date with or without time."""
    return value[:10] if isinstance(value, str) else None


def _whole(value: Value) -> Reading | None:
    """Return counts as integers."""
    return int(value) if isinstance(value, Decimal) and value == int(value) else value


def _fahrenheit(value: Value) -> Reading | None:
    return _rounded((value - 32) * 5 / 9).normalize() if isinstance(value, Decimal) else None


def _rounded(value: Decimal) -> Decimal:
    """Round to a millionth; numbers of more than 21 digits, which only damaged records give, stay as they are."""
    return value.quantize(_MICRO) if value.adjusted() <= _MOST_DIGITS else value


def _ratio(numerator: Decimal, denominator: Decimal) -> Convert | None:
    """Return a scaling that is exact where it can be and else rounds to a millionth."""
    if numerator == denominator:
        return None

    def scaled(value: Value) -> Reading | None:
        if not isinstance(value, Decimal):
            return None
        result = value * numerator / denominator
        rounded = _rounded(result)
        return result if result == rounded else rounded

    return scaled


@lru_cache(maxsize=4096)
def _bits(value: int, bits: tuple[tuple[int, str], ...], ignored: int) -> tuple[str, ...]:
    """Return the alarms of a flag value; a bit that nobody explained is `unspecified`."""
    alarms = []
    rest = value & ~ignored
    for mask, alarm in bits:
        if value & mask:
            alarms.append(alarm)
            rest &= ~mask
    return (*alarms, "unspecified") if rest else tuple(alarms)


def flag_alarms(value: int, bits: Mapping[int, str], ignored: int = 0) -> tuple[str, ...]:
    """Return the alarms of the bits that are set."""
    return _bits(value, tuple(bits.items()), ignored) if value else ()


def status_alarms(driver: Driver, status: int) -> tuple[str, ...]:
    """Return the alarms of the transport layer's status byte."""
    if driver.status is None or not status:
        return ()
    state = _TPL_STATES.get(status & 3)
    alarms = flag_alarms(status & 0xFC, {**_TPL_BITS, **driver.status})
    return (state, *alarms) if state else alarms


def name_items(driver: Driver, items: Iterable[Item], status: int) -> Named:
    """Apply a driver's fields and flags to parsed records."""
    readings: dict[str, Reading] = {}
    alarms: tuple[str, ...] = ()
    meter_at: datetime | None = None
    plans = _plans.setdefault(driver.name, {})
    for item in items:
        value = item.value
        if value is None:
            continue
        plan = plans.get(item.header.raw) or plan_for(driver, item.header)
        for name, convert in plan.readings:
            if name not in readings:
                reading = value if convert is None else convert(value)
                if reading is not None:
                    readings[name] = reading
        if plan.flags is not None and isinstance(value, int):
            alarms += flag_alarms(value, plan.flags.bits, plan.flags.ignored)
        if plan.clock and meter_at is None:
            when = values.moment(item.raw)
            meter_at = when if isinstance(when, datetime) else None
    alarms += status_alarms(driver, status)
    return Named(readings, tuple(dict.fromkeys(alarms)), meter_at)
