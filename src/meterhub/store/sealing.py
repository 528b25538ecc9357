"""Seal months of hours that are final: written anew in the order of meters, without the room for changes.

A late read still changes its day in a sealed month, in place; a month that has grown by it is sealed again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from meterhub.store.parts import HOURLY_DAY, Part, parts

# By then nearly all late reads are in, and pages no longer sum the town's hours of that month.
SEAL_AFTER = timedelta(days=40)
GROWN = 1.1
LOCK_TIMEOUT = "5s"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A month that was written anew, and its size with indexes [bytes]."""

    part: str
    before: int
    after: int


def seal_months(engine: Engine, now: datetime) -> Iterator[Sealed]:
    """Seal what is final and not sealed, or has grown since; each month is a transaction of its own.

    Queries of that month wait meanwhile, those of other months do not.
    """
    with engine.begin() as connection:
        due = [part for part in parts(connection, HOURLY_DAY) if part.end + SEAL_AFTER <= now]
    for part in due:
        with engine.begin() as connection:
            before = _size(connection, part)
            query = text("SELECT bytes FROM store_sealed WHERE part = :part")
            sealed = connection.execute(query, {"part": part.name}).scalar()
            if sealed is not None and before <= GROWN * sealed:
                continue
            yield Sealed(part.name, before, _seal(connection, part, now))


def rewrite(connection: Connection, part: Part) -> None:
    """Write a partition anew in the order of its primary key."""
    run = connection.exec_driver_sql
    run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    run(f"ALTER TABLE {part.name} SET (fillfactor = 100)")
    run(f"CLUSTER {part.name} USING {part.name.removeprefix('store.')}_pkey")
    run(f"ANALYZE {part.name}")


def _seal(connection: Connection, part: Part, now: datetime) -> int:
    rewrite(connection, part)
    after = _size(connection, part)
    connection.execute(
        text(
            "INSERT INTO store_sealed (part, sealed_at, bytes) VALUES (:part, :now, :bytes) "
            "ON CONFLICT (part) DO UPDATE SET sealed_at = excluded.sealed_at, bytes = excluded.bytes"
        ),
        {"part": part.name, "now": now, "bytes": after},
    )
    return after


def _size(connection: Connection, part: Part) -> int:
    query = text("SELECT pg_total_relation_size(CAST(:part AS regclass))")
    return int(connection.execute(query, {"part": part.name}).scalar_one())
