"""Files of meter keys: CSV with manufacturer, serial and key (or serial and key), or a JSON object a line.

A first line of column names may name the columns in any order. Errors name the line; no key is repeated in them.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from meterhub.wmbus.captures.hex_text import parse_hex
from meterhub.wmbus.model import Address

_KEY_SIZE = 16
_SERIAL_DIGITS = 8
_NAMES = {"manufacturer": "manufacturer", "serial": "serial", "id": "serial", "key": "key"}
_UNNAMED = {2: ("serial", "key"), 3: ("manufacturer", "serial", "key")}


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Keys by manufacturer and serial; the manufacturer is empty where the file names none."""

    keys: Mapping[tuple[str, str], bytes] = field(repr=False)

    def lookup(self, address: Address) -> bytes | None:
        """Return the key of a meter, or None."""
        return self.keys.get((address.manufacturer, address.serial)) or self.keys.get(("", address.serial))


def parse_keys(text: str) -> KeyTable:
    """Return the keys of a file; ValueError says which line is wrong."""
    keys: dict[tuple[str, str], bytes] = {}
    lines: dict[tuple[str, str], int] = {}
    for number, row in _rows(text):
        try:
            meter, key = _entry(row)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if meter in keys:
            raise ValueError(f"line {number}: {' '.join(meter).strip()} is also in line {lines[meter]}")
        keys[meter], lines[meter] = key, number
    if not keys:
        raise ValueError("there are no keys in it")
    return KeyTable(keys)


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the number and the named cells of each line."""
    columns: Sequence[str] | None = None
    for number, whole in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = whole.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("{"):
            yield number, _object(line, number)
            continue
        cells = _cells(line, number)
        if columns is None:
            columns = [_NAMES.get(cell.lower(), "") for cell in cells]
            if {"serial", "key"} <= set(columns):
                continue
            columns = _UNNAMED.get(len(cells), ())
        if len(cells) != len(columns):
            raise ValueError(f"line {number}: manufacturer, serial and key are needed, or serial and key")
        yield number, {name: cell for name, cell in zip(columns, cells, strict=True) if name}


def _cells(line: str, number: int) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=";" if ";" in line else ","), [])]
    except csv.Error:
        raise ValueError(f"line {number}: it is not CSV") from None


def _object(line: str, number: int) -> Mapping[str, str]:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"line {number}: it starts like JSON but is none") from None
    return {_NAMES[name]: str(value) for name, value in item.items() if name in _NAMES and value is not None}


def _entry(row: Mapping[str, str]) -> tuple[tuple[str, str], bytes]:
    """Return whose key a row is, and the key."""
    missing = [name for name in ("serial", "key") if not row.get(name)]
    if missing:
        raise ValueError(f"the {missing[0]} is missing")
    key = parse_hex(row["key"], "the key", secret=True)
    if len(key) != _KEY_SIZE:
        raise ValueError(f"the key has {2 * len(key)} hex digits, {2 * _KEY_SIZE} are needed")
    serial = row["serial"].lower().zfill(_SERIAL_DIGITS)
    return (row.get("manufacturer", "").upper(), serial), key
