"""CSV with a first line of column names, one of them for the frame; separated by `,`, `;` or tabs.

A row is one line: quoted cells with line ends inside are not read.
"""

import csv
from dataclasses import dataclass

from meterhub.wmbus.captures.found import Outcome, Unusable
from meterhub.wmbus.captures.hex_text import parse_captured
from meterhub.wmbus.captures.json_lines import NAMES

_SEPARATORS = (";", ",", "\t")


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of a file are read: the separator and which cell holds the frame, counted from 0."""

    separator: str
    frame_at: int


def table_of(header: str, column: str | None) -> Table | None:
    """Return how rows are read below a line of column names; None where no name says that it is a frame's.

    `column` is the name to look for; without it the usual names are tried in turn.
    """
    wanted = NAMES if column is None else (column.strip().lower(),)
    for separator in _SEPARATORS:
        names = [cell.strip().lower() for cell in _cells(header, separator) or ()]
        if len(names) < 2 and column is None:
            continue
        for name in wanted:
            if name in names:
                return Table(separator, names.index(name))
    return None


def parse(line: str, table: Table) -> Outcome:
    """Return the frame of a row."""
    cells = _cells(line, table.separator)
    if cells is None:
        return Unusable("bad-csv", "the row is not CSV")
    if len(cells) <= table.frame_at:
        return Unusable("bad-csv", f"the row ends before column {table.frame_at + 1}, which holds the frame")
    if not cells[table.frame_at].strip():
        return Unusable("no-telegram", "the cell for the frame is empty")
    return parse_captured(cells[table.frame_at])


def _cells(line: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return None
