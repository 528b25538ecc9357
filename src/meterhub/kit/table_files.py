"""Tables of any length as CSV or Parquet, written piece by piece: what is kept in memory is one piece.

CSV is for spreadsheets and scripts: a header, commas, CRLF, times as ISO 8601 in UTC. Text that a spreadsheet
would run as a formula gets an apostrophe in front (OWASP, "CSV injection"). Parquet is for analysis: exact
decimals, times with zone, a row group a piece.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from meterhub.kit.units import ML_PER_M3

Row = Sequence[Any]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    TEXTS = "texts"
    INTEGER = "integer"
    INSTANT = "instant"
    LOCAL_TIME = "local-time"
    DAY = "day"
    VOLUME = "volume"
    """Whole millilitres in the row, written as m³ with six decimals."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; the unit is part of the name."""

    name: str
    kind: Kind


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """The media type of a file."""
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/vnd.apache.parquet"


def write_table(columns: Sequence[Column], pieces: Iterable[Sequence[Row]], form: Format) -> Iterator[bytes]:
    """Yield a file; a piece of rows is turned into bytes and forgotten before the next is asked for."""
    return _csv(columns, pieces) if form is Format.CSV else _parquet(columns, pieces)


def _csv(columns: Sequence[Column], pieces: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    writers = [_AS_TEXT[column.kind] for column in columns]
    yield _lines([[column.name for column in columns]])
    for rows in pieces:
        yield _lines(
            [
                ["" if value is None else write(value) for write, value in zip(writers, row, strict=True)]
                for row in rows
            ]
        )


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def harmless(text: str) -> str:
    """Return text that a spreadsheet shows instead of running it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _volume(volume_ml: int) -> str:
    whole, part = divmod(abs(volume_ml), ML_PER_M3)
    return f"{'-' if volume_ml < 0 else ''}{whole}.{part:06d}"


_AS_TEXT: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: harmless,
    Kind.TEXTS: lambda values: harmless(";".join(values)),
    Kind.INTEGER: str,
    Kind.INSTANT: _instant,
    Kind.LOCAL_TIME: datetime.isoformat,
    Kind.DAY: date.isoformat,
    Kind.VOLUME: _volume,
}


class _Drain(io.RawIOBase):
    """A file that is only written to; what was written is taken out between pieces."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _parquet(columns: Sequence[Column], pieces: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        Kind.TEXT: pa.string(),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.INTEGER: pa.int64(),
        Kind.INSTANT: pa.timestamp("us", tz="UTC"),
        Kind.LOCAL_TIME: pa.timestamp("us"),
        Kind.DAY: pa.date32(),
        Kind.VOLUME: pa.decimal128(19, 6),
    }
    schema = pa.schema([(column.name, types[column.kind]) for column in columns])
    drain = _Drain()
    with pq.ParquetWriter(drain, schema, compression="zstd") as writer:
        for rows in pieces:
            values = zip(*rows, strict=True) if rows else [()] * len(columns)
            arrays = [
                _volumes(pa, column_values) if column.kind is Kind.VOLUME else pa.array(column_values, type_)
                for column, column_values, type_ in zip(columns, values, schema.types, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            yield drain.take()
    yield drain.take()


def _volumes(pa: Any, values: Sequence[int | None]) -> Any:
    """Return millilitres as decimals of m³: the same whole numbers, read with another point."""
    whole = pa.array(values, pa.int64()).cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(pa.decimal128(19, 6), len(values), whole.buffers())
