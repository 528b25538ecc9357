"""Records beside those of the Rust parser that `pymbusparser` wraps, and why they may differ.

Both are compared after writing theirs the way ours are written: units scaled, digits of identifiers kept,
names of quantities translated. What is left is a disagreement. Each must be one of `SETTLED`, which says
what the standard has to say about it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pymbusparser

from meterhub.wmbus.headers import Header, resolve
from meterhub.wmbus.model import Record
from meterhub.wmbus.records import read_records

Theirs = dict[str, Any]
_LINK = bytes.fromhex("44AE0C785634120107")
_FUNCTIONS = {
    "Instantaneous value": "instantaneous",
    "Maximum value": "maximum",
    "Minimum value": "minimum",
    "Value during error state": "during error",
}
# (our unit, theirs) -> how many of theirs make one of ours
_SCALES = {
    ("kWh", "W.h"): Decimal(1000),
    ("MJ", "J"): Decimal(10**6),
    ("MJ/h", "J.h-1"): Decimal(10**6),
    ("kW", "W"): Decimal(1000),
    ("Mcal", "cal"): Decimal(10**6),
    ("kg", "t"): Decimal("0.001"),
    ("kvarh", "W (reactive)h"): Decimal(1000),
    ("kVAh", "W (apparent)h"): Decimal(1000),
    ("kvar", "W (reactive)"): Decimal(1000),
    ("kVA", "W (apparent)"): Decimal(1000),
}
_SAME_QUANTITY = {
    "access number": "Unique message identification or access number",
    "any": "Manufacturer specific",
    "battery change": "Date and time of battery change",
    "battery operating time": "Operating time battery",
    "bus address": "Address",
    "cumulated maximum power": "Cumulative maximum of active power",
    "date": "Time point (date)",
    "datetime": "Time point (date and time)",
    "day change time": "Time point of change of tariff",
    "daylight saving": "Daylight saving beginning ending deviation",
    "first cyclic storage": "First storage for cycle storage",
    "heat cost rating 0": "Resulting rating factor",
    "heat cost rating 1": "Thermal output rating factor",
    "heat cost rating 2": "Thermal coupling rating factor overall",
    "heat cost rating 3": "Thermal coupling rating room side",
    "heat cost rating 4": "Thermal coupling rating factor heating side",
    "heat cost rating 5": "Low temperature rating factor",
    "heat cost rating 6": "Display output scaling factor",
    "heat cost units": "Dimensionless HCA",
    "last cyclic storage": "Last storage for cycle storage",
    "limit temperature": "Cold warm temperature limit",
    "listening window": "Listening window management data",
    "manufacturer data": "Data container for manufacturer specific protocol",
    "medium": "Device type",
    "model version": "Model or version",
    "other firmware version": "Other software version",
    "parameter activation": "State of parameter activation",
    "parameter set": "Parameter set identification",
    "phase voltage to current": "Phase U-to-I",
    "phase voltage to voltage": "Phase U-to-U",
    "plain text unit": "Plain text",
    "remaining battery": "Remaining battery life time",
    "response delay": "Response delay time",
    "rf level": "RF power level",
    "stop counter": "Number of times the meter was stopped",
    "storage block size": "Size of storage block",
    "supplier": "Special supplier information",
    "tariff and subunit descriptor": "Description of tariff and subunit",
    "time since cumulation": "Duration since last cumulation",
    "weekday": "Day of week",
}


@dataclass(frozen=True)
class Difference:
    """One aspect of one record on which the two parsers disagree; `theirs` is {} where they have no record."""

    aspect: str
    ours: Record
    theirs: Theirs

    @property
    def header(self) -> Header:
        return resolve(bytes.fromhex(self.ours.dif_vif))

    def qualified(self, *starts: str) -> bool:
        return any(name.startswith(starts) for name in self.ours.qualifiers)


def extension(difference: Difference) -> int | None:
    """Return FB or FD with the code behind it as one number, None for the primary table."""
    raw = difference.header.raw
    at = next(index for index, byte in enumerate(raw) if not byte & 0x80) + 1
    return raw[at] << 8 | raw[at + 1] & 0x7F if raw[at] in (0xFB, 0xFD) else None


_DIVISORS = (*range(0x20, 0x27), 0x30, 0x31, 0x32)

SETTLED: dict[str, Callable[[Difference], bool]] = {
    # EN 13757-3, 6.4.8: a record error report says that there is no value, whatever bytes stand for it
    "a record whose VIFE reports an error has no value": lambda d: (
        d.aspect == "value" and d.ours.value is None and d.header.raw[-1] & 0x7F in (0x15, 0x16, 0x17, 0x18)
    ),
    # table of combinable VIFEs, E111 10nn: the offset is the installer's; the qualifier names it, unadded
    "an additive correction constant is named, not added": lambda d: (
        d.aspect == "value" and d.header.raw[-1] & 0x7F in range(0x78, 0x7C) and extension(d) is None
    ),
    # FB78 to FB7B and FD78 to FD7B are codes of the extension tables, not combinable VIFEs of the same number
    "an extension code is no correction constant": lambda d: (
        d.aspect == "value" and extension(d) in (*range(0xFB78, 0xFB7C), *range(0xFD78, 0xFD7C))
    ),
    # E010 0000 to 0110 "per second" to "per month", E011 0000 to 0010 "per kWh", "per GJ", "per kW"
    "a divisor is named beside the unit, not worked into it": lambda d: (
        d.aspect == "value" and d.header.raw[-1] & 0x7F in _DIVISORS and extension(d) is None
    ),
    # 6.3: the VIF gives unit and multiplier of the value, whatever its coding
    "a real number is scaled like any other": lambda d: d.aspect == "value" and d.header.data_field == 5,
    # annex A, type B: 80...00 is no value
    "the least integer stands for no value": lambda d: (
        d.aspect == "value" and d.ours.value is None and d.ours.raw[-1] == 0x80 and not any(d.ours.raw[:-1])
    ),
    # E011 1101: units of the annex for non-metric meters are not converted by us but named
    "a non-metric unit is named": lambda d: d.aspect == "value" and d.qualified("non-metric"),
    # FB22 to FB26 were gallons until the edition of 2013 and are reserved since; old meters send them
    "gallons of the older editions are read": lambda d: extension(d) in range(0xFB22, 0xFB27),
    # annex A, type D: bit fields have no sign and no decimal digits
    "a bit field is unsigned": lambda d: d.aspect == "value" and d.header.kind == "flags",
    # identifiers, versions and codes are digits and hex digits in the order read, of which minus is none
    "an identifier keeps its digits": lambda d: d.aspect == "value" and d.header.kind == "identifier",
    # annex A, types F, G and I: day 1 to 31; "every day" is 0
    "the 31st is a day, not every day": lambda d: (
        d.aspect == "value"
        and d.header.kind == "date"
        and len(d.ours.raw) > 3
        and isinstance(d.ours.value, str)
        and isinstance(d.theirs["value"]["value"], dict)
        and "-31" in d.ours.value
    ),
    # annex A, types F and G: months 13 to 15, day 0, year 127 and hours above 23 are wildcards or invalid;
    # neither is a moment that a register could belong to
    "a date with wildcards is no moment": lambda d: (
        d.aspect == "value" and d.header.kind == "date" and d.ours.value is None
    ),
    # annex A: years 81 to 99 without a century are those of the last one
    "years from 81 are of the last century": lambda d: (
        d.aspect == "value"
        and d.header.kind == "date"
        and isinstance(d.ours.value, str)
        and d.ours.value[:2] == "19"
        and str(d.theirs["value"]["value"])[:2] == "20"
    ),
    # E111 1100/1101 1111: opaque, so neither characters nor a sign may be read into it
    "manufacturer specific data is not interpreted": lambda d: (
        d.aspect in ("value", "quantity") and d.ours.quantity == "manufacturer specific"
    ),
    # annex F: a profile is no text
    "a compact profile is no text": lambda d: d.aspect == "value" and d.header.kind == "profile",
    # table of FD codes: 30 tariff start, 31 to 33 its duration, 34 to 39 its period, 3C to 3F transmission
    # period, 2A operator specific, 2B seconds, 2C to 2F time since readout; theirs are shifted by some codes
    "codes FD 2A to 3F are those of the standard's table": lambda d: extension(d) in range(0xFD2A, 0xFD40),
    # FD70: date of battery change; a number of seconds cannot be read into a date
    "the battery's change is a date": lambda d: d.aspect == "value" and extension(d) == 0xFD70,
    # annex A, type A: invalid digits make one value absent and leave the records behind it readable
    "digits that are none do not end the telegram": lambda d: (
        d.aspect == "missing" and d.header.data_field >= 9 and not d.ours.raw.hex().isdecimal()
    ),
    # primary VIF 6F is reserved: the record has a length all the same and does not end the telegram
    "a reserved VIF does not end the telegram": lambda d: (
        d.aspect == "missing" and d.ours.quantity == "unknown_6F"
    ),
}


def written_our_way(record: Record, theirs: Theirs) -> object:
    """Return their value in our unit and form."""
    value = theirs["value"]
    header = resolve(bytes.fromhex(record.dif_vif))
    if value["kind"] == "decimal":
        number = Decimal(value["value"]) / _SCALES.get((record.unit, theirs.get("unit")), Decimal(1))
        if header.kind != "identifier" or number < 0:
            return number
        digits = f"{int(number):0{2 * len(record.raw)}}" if header.data_field >= 9 else f"{int(number):X}"
        return digits.rjust(2 * len(record.raw), "0")
    if value["kind"] == "float":
        return Decimal(repr(value["value"])) / _SCALES.get((record.unit, theirs.get("unit")), Decimal(1))
    found = value["value"]
    if isinstance(found, str) and value["kind"] == "datetime":
        return found.replace("T", " ")[: 19 if len(record.raw) == 6 else 16]
    return found


def _equal(ours: object, theirs: object) -> bool:
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal) and theirs:
        return abs(ours / theirs - 1) < Decimal("1e-7")  # reals: they print a double, we the shortest single
    return ours == theirs


def differences(payload: bytes) -> Iterator[Difference]:
    """Yield what the two parsers disagree on in a payload of data records."""
    frame = _LINK + b"\x78" + payload
    theirs = pymbusparser.parse(bytes((len(frame),)) + frame, include_enrichment=False)["records"]
    # they list the maker's data behind DIF 0F as a record, we keep it apart
    theirs = [row for row in theirs if row["header_hex"][:2] not in ("0F", "1F")]
    ours = read_records(payload)
    assert len(theirs) <= len(ours)
    for number, record in enumerate(ours):
        if number >= len(theirs):
            yield Difference("missing", record, {})
            return
        yield from _compared(record, theirs[number])


def _compared(record: Record, row: Theirs) -> Iterator[Difference]:
    place = (record.dif_vif, record.raw.hex().upper())
    assert place == (row["header_hex"].replace(" ", ""), row.get("data_hex", "").replace(" ", ""))
    assert record.storage == row["storage_number"]
    assert record.tariff_register == row["tariff"]
    assert record.subunit == row["subunit"]
    assert record.function == _FUNCTIONS[row["function"]]
    quantity = row["quantities"][0]
    reserved = record.quantity.startswith("unknown") and quantity == "Reserved"
    if not reserved and _SAME_QUANTITY.get(record.quantity, record.quantity).casefold() != quantity.casefold():
        yield Difference("quantity", record, row)
    if not _equal(record.value, written_our_way(record, row)):
        yield Difference("value", record, row)


def settled(difference: Difference) -> set[str]:
    """Return the reasons that settle a disagreement."""
    return {reason for reason, applies in SETTLED.items() if applies(difference)}
