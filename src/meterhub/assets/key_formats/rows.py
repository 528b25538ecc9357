"""What a list of keys holds, and how meters and keys are written in lists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from meterhub.assets.sealing import parse_key
from meterhub.errors import BadInput

_SERIAL = re.compile(r"[0-9a-f]{1,8}")
# DIN 43863-5: kind of medium, manufacturer, block, number.
_DEVICE_ID = re.compile(r"[0-9A-Z](?P<manufacturer>[A-Z]{3})[0-9A-F]{2}(?P<serial>[0-9]{8})")
_CODE = re.compile(r"[A-Z]{3}")
_BYTE_BY_BYTE = re.compile(r"[0-9A-Fa-f]{2}(?:([-:])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2})*")
_SPREADSHEET_NUMBER = re.compile(r"[0-9][.,]?[0-9]*[Ee]\+[0-9]+")
_PROTECTED = re.compile(r'="(.*)"')


class KeyListError(BadInput):
    """A list of keys that cannot be read as a whole."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key and whose it is; the manufacturer is empty where the list does not name it by its code."""

    place: str
    manufacturer: str
    serial: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys of a list in its order, what is wrong by place, and the places of meters listed without a key."""

    rows: tuple[KeyRow, ...]
    faults: Mapping[str, str]
    without_key: tuple[str, ...] = ()


def row_of(place: str, manufacturer: str, serial: str, key: str) -> KeyRow:
    """Return a row from its cells; ValueError says what is wrong with them."""
    code, number = _meter(unprotected(manufacturer), unprotected(serial))
    return KeyRow(place, code, number, _key(unprotected(key)))


def unprotected(cell: str) -> str:
    """Return a cell without the `="..."` by which lists keep spreadsheets from dropping leading zeros."""
    found = _PROTECTED.fullmatch(cell.strip())
    return (found[1] if found else cell).strip()


def is_key(cell: str) -> bool:
    """Tell whether a cell holds a key."""
    try:
        _key(unprotected(cell))
    except ValueError:
        return False
    return True


def _meter(manufacturer: str, serial: str) -> tuple[str, str]:
    code = manufacturer.upper() if _CODE.fullmatch(manufacturer.upper()) else ""
    device = _DEVICE_ID.fullmatch(re.sub(r"[\s-]", "", serial).upper())
    if device:
        if code and code != device["manufacturer"]:
            raise ValueError(f"the manufacturer is {code}, the serial says {device['manufacturer']}")
        return device["manufacturer"], device["serial"]
    if not serial:
        raise ValueError("the serial is missing")
    if not _SERIAL.fullmatch(serial.lower()):
        raise ValueError(f"{serial[:40]!r} is no serial: 8 digits are needed")
    return code, serial.lower().zfill(8)


def _key(written: str) -> bytes:
    if _SPREADSHEET_NUMBER.fullmatch(written):
        raise ValueError("a spreadsheet has made a number of the key: export the column as text")
    digits = written.removeprefix("0x").removeprefix("0X")
    if _BYTE_BY_BYTE.fullmatch(digits):
        digits = digits.replace("-", "").replace(":", "")
    try:
        return parse_key(digits)
    except BadInput as error:
        raise ValueError(error.detail) from None
