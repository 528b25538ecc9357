"""The parts that large tables consist of: native partitions by month, or chunks of TimescaleDB."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from meterhub.store.backend import uses_timescale


@dataclass(frozen=True, slots=True)
class Kept:
    """A table kept by time, and the column that says when."""

    table: str
    column: str
    # Rows of open months are changed in place: room on the page keeps them and their index from growing.
    fillfactor: int = 100


RAW_FRAME = Kept("raw_frame", "received_at")
FRAME_HEARD = Kept("frame_heard", "received_at")
REGISTER_READ = Kept("register_read", "at")
HOURLY_DAY = Kept("hourly_day", "start_at", fillfactor=80)
HOURLY_VOLUME = Kept("hourly_volume", "hour")

PARTITIONED = (RAW_FRAME, FRAME_HEARD, REGISTER_READ, HOURLY_DAY)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a table: rows with `start <= column < end` (UTC)."""

    name: str
    start: datetime
    end: datetime


def month_floor(at: datetime) -> datetime:
    """Return the first instant of the UTC month of an instant."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def add_months(month: datetime, count: int) -> datetime:
    """Return the first instant of the month so many months on."""
    number = month.year * 12 + month.month - 1 + count
    return month.replace(year=number // 12, month=number % 12 + 1)


_PARTITIONS = text(
    """
    SELECT 'store.' || c.relname AS name, to_timestamp(right(c.relname, 7), 'YYYY_MM') AS start_at,
           to_timestamp(right(c.relname, 7), 'YYYY_MM') + interval '1 month' AS end_at
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(:table) AND c.relname <> :table || '_default' ORDER BY 2
    """
)
_CHUNKS = text(
    """
    SELECT format('%I.%I', chunk_schema, chunk_name) AS name, range_start AS start_at, range_end AS end_at
    FROM timescaledb_information.chunks WHERE hypertable_name = :table ORDER BY range_start
    """
)


def parts(connection: Connection, kept: Kept) -> list[Part]:
    """Return the parts of a table in order of time, without the partition for everything else."""
    query = _CHUNKS if uses_timescale(connection) else _PARTITIONS
    return [Part(*row) for row in connection.execute(query, {"table": kept.table})]
