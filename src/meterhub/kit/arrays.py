"""Columns of values as PostgreSQL array literals, for `INSERT ... SELECT FROM unnest(...)`.

Built with joins instead of one adapter call a value: storing a batch is a hot path. The statement casts each
parameter (`CAST(:at AS timestamptz[])`), so what is sent is text. Only values whose text needs no escaping are
joined unquoted; text goes through `texts`, which quotes.
"""

from collections.abc import Iterable
from datetime import datetime


def integers(values: Iterable[int | None]) -> str:
    """Return `smallint[]`, `integer[]` or `bigint[]`."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def instants(values: Iterable[datetime | None]) -> str:
    """Return `timestamptz[]` of aware, or `timestamp[]` of naive times."""
    return "{" + ",".join(["NULL" if value is None else value.isoformat() for value in values]) + "}"


def binaries(values: Iterable[bytes]) -> str:
    """Return `bytea[]`."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


def texts(values: Iterable[str | None]) -> str:
    """Return `text[]`; the character NUL, which PostgreSQL cannot store, must not be in it."""
    return "{" + ",".join([_quoted(value) for value in values]) + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if value.isalnum() and value.upper() != "NULL":
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
