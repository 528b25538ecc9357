"""Captures of telegrams as text: lines of logs and tables, each format one module, recognised line by line.

`read_capture` takes lines and gives one `Line` for each that could hold a frame, in order; blank lines,
comments (`#`) and a table's line of column names are passed over, everything else is reported.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from meterhub.wmbus.captures import (
    csv_table,
    hex_lines,
    in_text,
    json_lines,
    rtl_433,
    rtl_wmbus,
    wmbusmeters,
)
from meterhub.wmbus.captures.found import Captured, Outcome, Unusable
from meterhub.wmbus.captures.hex_text import is_sound, parse_hex

__all__ = ["Captured", "Line", "Unusable", "parse_hex", "read_capture"]

_FORMATS: tuple[tuple[str, Callable[[str], Outcome]], ...] = (
    ("rtl_433", rtl_433.parse),
    ("json", json_lines.parse),
    ("rtl_wmbus", rtl_wmbus.parse),
    ("wmbusmeters", wmbusmeters.parse),
)
_UNKNOWN = Unusable("unknown-line", "no telegram is recognised in this line")


@dataclass(frozen=True, slots=True)
class Line:
    """A line, counted from 1, the format it is in (empty where none is recognised), and what it holds."""

    number: int
    format: str
    found: Captured | Unusable


def read_capture(lines: Iterable[str], column: str | None = None) -> Iterator[Line]:
    """Yield what the lines of a capture hold; `column` names the column of the frame in a table."""
    table: csv_table.Table | None = None
    first = True
    for number, whole in enumerate(lines, 1):
        line = whole.strip("\ufeff\r\n \t\0")
        if not line or line.startswith("#"):
            continue
        if first:
            first = False
            table = csv_table.table_of(line, column)
            if table is not None:
                continue
            if column is not None:
                yield Line(number, "", Unusable("no-column", f"the first line names no column {column!r}"))
                continue
        yield _read(number, line, table)


def _read(number: int, line: str, table: csv_table.Table | None) -> Line:
    for name, parse in _FORMATS:
        found = parse(line)
        if found is not None:
            return Line(number, name, found)
    if table is not None:
        found = csv_table.parse(line, table)
        return Line(number, "csv", found if found is not None else _UNKNOWN)
    found = hex_lines.parse(line)
    if isinstance(found, Captured) and is_sound(found.frame):
        return Line(number, "hex", found)
    within = in_text.parse(line)  # a time before or a signal strength behind the hex are digits too
    if within is not None:
        return Line(number, "text", within)
    return Line(number, "", _UNKNOWN) if found is None else Line(number, "hex", found)
