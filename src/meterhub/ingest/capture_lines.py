"""Lines of a capture as telegrams that were heard: frame, time, strength, link mode, gateway. Pure.

What holds the frame is found by `meterhub.wmbus.captures`; this adds where each format says when and how it was
heard. A line without a time is unusable: a read has to be put into its hour.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import get_args

from meterhub.errors import BadInput
from meterhub.ingest.capture_times import TimeReader
from meterhub.ingest.schemas import LinkMode
from meterhub.wmbus.captures import Captured, csv_table, read_capture

FIELDS = ("time", "frame", "rssi", "mode", "gateway")

_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("received_at", "time", "timestamp", "datetime", "date_time", "at", "zeit", "aika", "tid"),
    "rssi": ("rssi_dbm", "rssi", "dbm", "level"),
    "mode": ("link_mode", "mode", "linkmode"),
    "gateway": ("gateway",),
}
_MODES = frozenset(get_args(LinkMode))
_MODE_OF_LETTER = {"S": "S1", "T": "T1", "C": "C1"}
_WEAKEST_DBM = -200
_RTL_COLUMNS = 8
# At the start of a line, or anywhere before the frame: 2026-03-01 12:00:00, [2026-03-01_12:00:00], ...Z, ...+01:00
_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[ T_]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?![\d:])", re.ASCII
)
_OFFSET = re.compile(r"\|\+(\d{1,9})\s*$", re.ASCII)


@dataclass(frozen=True, slots=True)
class HeardLine:
    """A telegram and when and how it was heard; the gateway is empty where the line does not name it."""

    number: int
    format: str
    frame: bytes
    received_at: datetime
    rssi_dbm: int | None
    link_mode: str | None
    gateway: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used: a stable code, and why in words."""

    number: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class HowToRead:
    """What a person says about a capture."""

    times: TimeReader
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names in the file for some of `FIELDS`: columns of a table, or names in JSON."""
    begun_at: datetime | None = None
    """When a log began whose lines count the seconds (`|+12`)."""


class _Remembered:
    """Lines as they pass, with the one that was read last and the first that says something."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.last = ""
        self.first = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.last = line.strip("\ufeff\r\n \t\0")
            if not self.first and not self.last.startswith("#"):
                self.first = self.last
            yield line


def read_lines(lines: Iterable[str], how: HowToRead) -> Iterator[HeardLine | BadLine]:
    """Yield what each line holds that could hold a telegram; blank lines and comments are passed over."""
    remembered = _Remembered(lines)
    cells: Callable[[str], Mapping[str, object]] | None = None
    for line in read_capture(remembered, how.columns.get("frame")):
        found = line.found
        if not isinstance(found, Captured):
            yield BadLine(line.number, found.code, found.message)
            continue
        if line.format == "csv" and cells is None:
            cells = _cells_of(remembered.first, how)
        values = _values(line.format, remembered.last, how, cells)
        try:
            received_at = _received_at(values, how)
        except ValueError as error:
            yield BadLine(line.number, "bad-time", str(error))
            continue
        if received_at is None:
            yield BadLine(line.number, "no-time", "the line does not say when it was heard")
            continue
        yield HeardLine(
            line.number,
            line.format,
            found.frame,
            received_at,
            _rssi_dbm(values.get("rssi")),
            _link_mode(values.get("mode")),
            str(values.get("gateway") or "").strip(),
        )


def _values(
    form: str, line: str, how: HowToRead, cells: Callable[[str], Mapping[str, object]] | None
) -> Mapping[str, object]:
    """Return what a line of a format says beside the frame, by `FIELDS`."""
    if form in ("json", "rtl_433"):
        item = json.loads(line)
        values = {name: _named(item, name, how) for name in _NAMES}
        # rtl_433 tells the strength relative to full scale
        return values | {"rssi": None} if form == "rtl_433" else values
    if form == "rtl_wmbus":
        columns = [column.strip() for column in line.split(";")][-_RTL_COLUMNS:]
        return {"time": columns[3], "rssi": columns[4], "mode": columns[0]}
    if cells is not None and form == "csv":
        return cells(line)
    stamp = _STAMP.search(line)
    offset = _OFFSET.search(line)
    return {"time": stamp[0] if stamp else None, "offset": offset[1] if offset else None}


def _named(item: Mapping[str, object], name: str, how: HowToRead) -> object:
    wanted = (how.columns[name],) if name in how.columns else _NAMES[name]
    return next((item[each] for each in wanted if item.get(each) is not None), None)


def _cells_of(header: str, how: HowToRead) -> Callable[[str], Mapping[str, object]]:
    """Return what reads the cells of a row below a line of names; BadInput where a name is missing there."""
    table = csv_table.table_of(header, how.columns.get("frame"))
    separator = table.separator if table else ","
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])]
    places: dict[str, int] = {}
    for wanted, usual in _NAMES.items():
        told = how.columns.get(wanted)
        for name in usual if told is None else (told.strip().lower(),):
            if name in names:
                places[wanted] = names.index(name)
                break
        else:
            if told is not None:
                raise BadInput(f"the line of names has no column {told!r}")

    def read(row: str) -> Mapping[str, object]:
        values = next(csv.reader([row], delimiter=separator), [])
        return {name: values[place].strip() for name, place in places.items() if place < len(values)}

    return read


def _received_at(values: Mapping[str, object], how: HowToRead) -> datetime | None:
    """Return the time in UTC, None without any; ValueError for one that cannot be right."""
    written = values.get("time")
    if isinstance(written, (str, int, float)) and not isinstance(written, bool) and str(written).strip():
        return how.times.read(written)
    offset = values.get("offset")
    if offset is not None and how.begun_at is not None:
        try:
            return how.begun_at + timedelta(seconds=int(str(offset)))
        except OverflowError:
            raise ValueError("the time is out of range") from None
    return None


def _rssi_dbm(written: object) -> int | None:
    """Return a strength in dBm; magnitudes without a unit, which are not negative, are left out."""
    try:
        strength = float(str(written))
    except ValueError:
        return None
    return round(strength) if _WEAKEST_DBM <= strength < 0 else None


def _link_mode(written: object) -> str | None:
    text = str(written or "").strip().upper()
    known = next((mode for mode in _MODES if mode.upper() == text), None)
    return known or _MODE_OF_LETTER.get(text[:1])
