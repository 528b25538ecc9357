"""What leaves by age: whole parts, found first, dropped when asked.

Frames go with the receptions by other gateways and their quarantine entries. Reads that people took and reads
at an exchange outlive those of radio. Hours leave before the sums of their days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from meterhub.settings import Retention
from meterhub.store.backend import uses_timescale
from meterhub.store.parts import (
    FRAME_HEARD,
    HOURLY_DAY,
    HOURLY_VOLUME,
    RAW_FRAME,
    REGISTER_READ,
    Kept,
    Part,
    add_months,
    month_floor,
    parts,
)
from meterhub.store.sealing import rewrite

LOCK_TIMEOUT = "5s"


@dataclass(frozen=True, slots=True)
class Expiry:
    """A part whose time is over, and how many of its rows leave: wholly, or only the hours of its days."""

    table: str
    part: str
    until: datetime
    rows: int
    action: str


@dataclass(frozen=True, slots=True)
class _Rule:
    kept: Kept
    cutoff: datetime
    action: str
    where: str = "true"


def _frames_from(retention: Retention, now: datetime) -> datetime:
    return month_floor(now - timedelta(days=retention.raw_frame_days))


def _rules(retention: Retention, now: datetime, *, timescale: bool) -> list[_Rule]:
    this_month = month_floor(now)
    frames, hours = _frames_from(retention, now), add_months(this_month, -retention.hourly_months)
    rules = [
        _Rule(RAW_FRAME, frames, "drop"),
        _Rule(FRAME_HEARD, frames, "drop"),
        _Rule(REGISTER_READ, add_months(this_month, -retention.amr_read_months), "drop radio", "source = 'amr'"),
    ]
    if timescale:
        return [*rules, _Rule(HOURLY_VOLUME, hours, "drop")]
    has_hours = "(volumes_ml IS NOT NULL OR wide_ml IS NOT NULL)"
    return [
        *rules,
        _Rule(HOURLY_DAY, add_months(this_month, -retention.daily_months), "drop"),
        _Rule(HOURLY_DAY, hours, "drop hours", has_hours),
    ]


def overdue(connection: Connection, retention: Retention, now: datetime) -> dict[str, timedelta]:
    """Return for how long the oldest part of each table that is dropped whole is past its time; no counting."""
    late: dict[str, timedelta] = {}
    for rule in _rules(retention, now, timescale=uses_timescale(connection)):
        oldest = next(iter(parts(connection, rule.kept)), None)
        if rule.action == "drop" and oldest is not None and oldest.end <= rule.cutoff:
            late[rule.kept.table] = rule.cutoff - oldest.end
    return late


def expired(engine: Engine, retention: Retention, now: datetime) -> list[Expiry]:
    """Return what would leave now, with exact counts; changes nothing."""
    with engine.begin() as connection:
        return [expiry for expiry, _rule, _part in _due(connection, retention, now)]


def expire(engine: Engine, retention: Retention, now: datetime) -> Iterator[Expiry]:
    """Drop what has to leave, each part in a transaction of its own; yields it once that is committed."""
    with engine.begin() as connection:
        due = _due(connection, retention, now)
    for expiry, rule, part in due:
        with engine.begin() as connection:
            _drop(connection, rule, part)
        yield expiry
    with engine.begin() as connection:
        _drop_strays(connection, retention, now)


def _due(connection: Connection, retention: Retention, now: datetime) -> list[tuple[Expiry, _Rule, Part]]:
    due: list[tuple[Expiry, _Rule, Part]] = []
    for rule in _rules(retention, now, timescale=uses_timescale(connection)):
        for part in parts(connection, rule.kept):
            if part.end > rule.cutoff or any(part.name == other.part for other, _, _ in due):
                continue
            query = text(f"SELECT count(*) FROM {part.name} WHERE {rule.where}")  # noqa: S608 - our own names
            rows = connection.execute(query).scalar_one()
            if rows or rule.action == "drop":
                due.append((Expiry(rule.kept.table, part.name, part.end, rows, rule.action), rule, part))
    return due


def _drop(connection: Connection, rule: _Rule, part: Part) -> None:
    run = connection.exec_driver_sql
    run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    if rule.action == "drop hours":
        run(f"UPDATE {part.name} SET volumes_ml = NULL, wide_ml = NULL, qualities = NULL WHERE {rule.where}")  # noqa: S608
        rewrite(connection, part)
        return
    keeps = rule.action == "drop radio"
    if keeps:
        if not uses_timescale(connection):
            run(f"LOCK TABLE {part.name}")  # else a person's read that is stored in this moment would go as well
        run(f"CREATE TEMPORARY TABLE staying ON COMMIT DROP AS SELECT * FROM {part.name} WHERE NOT ({rule.where})")  # noqa: S608 - our own names
    if uses_timescale(connection):
        run(
            f"SELECT drop_chunks('{rule.kept.table}', older_than => TIMESTAMPTZ '{part.end.isoformat()}', "
            f"newer_than => TIMESTAMPTZ '{part.start.isoformat()}')"
        )
    else:
        run(f"TRUNCATE {part.name}" if keeps else f"DROP TABLE {part.name}")
        connection.execute(text("DELETE FROM store_sealed WHERE part = :part"), {"part": part.name})
    if keeps:
        run(f"INSERT INTO {rule.kept.table} OVERRIDING SYSTEM VALUE SELECT * FROM staying")  # noqa: S608


def _drop_strays(connection: Connection, retention: Retention, now: datetime) -> None:
    """Drop rows older than any part, reads of people past their time, and entries of frames that are gone."""
    run = connection.execute
    if not uses_timescale(connection):
        for table in (RAW_FRAME.table, FRAME_HEARD.table):
            query = text(f"DELETE FROM store.{table}_default WHERE received_at < :cutoff")  # noqa: S608
            run(query, {"cutoff": _frames_from(retention, now)})
    this_month = month_floor(now)
    run(
        text("DELETE FROM register_read WHERE at < :cutoff"),
        {"cutoff": add_months(this_month, -max(retention.other_read_months, retention.amr_read_months))},
    )
    run(
        text(
            "DELETE FROM quarantine q WHERE entered_at < :cutoff "
            "AND NOT EXISTS (SELECT FROM raw_frame f WHERE f.id = q.raw_frame_id)"
        ),
        {"cutoff": now},
    )
