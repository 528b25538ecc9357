"""Native monthly partitions, made ahead; rows of months that were not foreseen are caught and moved.

A row whose month has no partition goes to the partition for everything else, so storing never fails. The job
makes the missing month: the rows are moved and the new partition takes their place in one transaction, in
which nobody else can see or write that catch-all partition.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from meterhub.store.parts import PARTITIONED, Kept, add_months, month_floor, parts

MONTHS_AHEAD = 2
# Reads dated further back than this are mistakes of clocks: they stay in the partition for everything else.
MONTHS_BACK = 240
LOCK_TIMEOUT = "5s"
ATTEMPTS = 50
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class MadeMonth:
    """A new partition, and how many rows were waiting for it."""

    table: str
    month: datetime
    moved: int


def make_months(engine: Engine, now: datetime) -> Iterator[MadeMonth]:
    """Make the partitions of this and the next months and of those that rows wait for; yields each."""
    this_month = month_floor(now)
    end = add_months(this_month, MONTHS_AHEAD + 1)
    for kept in PARTITIONED:
        with engine.begin() as connection:
            there = {part.start for part in parts(connection, kept)}
            waiting = _months_waiting(connection, kept, add_months(this_month, -MONTHS_BACK), end)
        ahead = {add_months(this_month, count) for count in range(MONTHS_AHEAD + 1)}
        for month in sorted((ahead | waiting) - there):
            yield MadeMonth(kept.table, month, _make_when_free(engine, kept, month))


def _months_waiting(connection: Connection, kept: Kept, first: datetime, end: datetime) -> set[datetime]:
    query = text(
        f"SELECT DISTINCT date_trunc('month', {kept.column}, 'UTC') FROM store.{kept.table}_default "  # noqa: S608
        f"WHERE {kept.column} >= :first AND {kept.column} < :end"
    )
    return set(connection.execute(query, {"first": first, "end": end}).scalars())


def _make_when_free(engine: Engine, kept: Kept, month: datetime) -> int:
    """Make one partition in a moment in which nobody looks at the catch-all partition; return the rows moved."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(OperationalError), engine.begin() as connection:
            return _make_month(connection, kept, month)
        time.sleep(PAUSE_S)
    with engine.begin() as connection:
        return _make_month(connection, kept, month)


def _make_month(connection: Connection, kept: Kept, month: datetime) -> int:
    """Make one partition and move its rows there; fails at once if the catch-all partition is in use.

    Writers are held off at the table, where they have not chosen a partition yet. Waiting for readers of the
    catch-all while holding writers off could end in a deadlock with one that is both, so there is no waiting.
    """
    table, column = kept.table, kept.column
    part, rest = f"store.{table}_{month:%Y_%m}", f"store.{table}_default"
    bounds = {"start": month, "end": add_months(month, 1)}
    run = connection.exec_driver_sql
    run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    run(f"LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE")
    run(f"LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE NOWAIT")
    run(
        f"CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) "
        f"WITH (fillfactor = {kept.fillfactor})"
    )
    moved = connection.execute(
        text(
            f"WITH moved AS (DELETE FROM {rest} WHERE {column} >= :start AND {column} < :end RETURNING *) "  # noqa: S608
            f"INSERT INTO {part} SELECT * FROM moved"
        ),
        bounds,
    ).rowcount
    run(
        f"ALTER TABLE {table} ATTACH PARTITION {part} "
        f"FOR VALUES FROM ('{bounds['start'].isoformat()}') TO ('{bounds['end'].isoformat()}')"
    )
    return moved


def months_ahead(connection: Connection, now: datetime) -> int:
    """Return for how many months after this one all tables have partitions."""
    this_month = month_floor(now)
    return min(sum(1 for part in parts(connection, kept) if part.start > this_month) for kept in PARTITIONED)


def rows_caught(connection: Connection) -> dict[str, int]:
    """Return about how many rows of each table wait for their month in the partition for everything else."""
    query = text(
        "SELECT greatest(reltuples, 0)::bigint FROM pg_class "
        "WHERE oid = to_regclass('store.' || :table || '_default')"
    )
    return {kept.table: connection.execute(query, {"table": kept.table}).scalar_one() for kept in PARTITIONED}
