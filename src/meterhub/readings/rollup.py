"""The hourly roll-up in SQL: only what changed, set-based, the same result as `meterhub.readings.hourly`.

Whoever stores reads notes the span they fall in (`rollup_due`). A changed read moves the registers at the
hours up to its neighbours, and so the volumes of the hours that begin or end there: the span is widened to
the reads beyond the full hours around those neighbours and derived again (`rollup_derive`), then written in
the store's form (`rollup_write`). Meters are independent, so several workers share what is due.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from meterhub.kit import arrays
from meterhub.readings.rollup_derive import DERIVED
from meterhub.readings.rollup_write import WRITE_NARROW, WRITE_PACKED
from meterhub.store.backend import uses_timescale

METERS_A_TRANSACTION = 500

# A statement of its own: the next one sees all reads that were noted up to the moment of taking. In one
# statement a note could be taken whose reads are younger than what the statement sees.
_TAKE_DUE = text(
    """
    DELETE FROM rollup_due WHERE meter_id IN (
        SELECT meter_id FROM rollup_due ORDER BY meter_id LIMIT :meters FOR UPDATE SKIP LOCKED
    )
    RETURNING meter_id, from_at, until_at
    """
)
_HOURS_WRITTEN = "SELECT coalesce(sum(hours), 0)::bigint FROM written"
_PACKED = text(DERIVED + WRITE_PACKED + _HOURS_WRITTEN)
_NARROW = text(DERIVED + WRITE_NARROW + _HOURS_WRITTEN)
# The planner expects large results and would compile a statement that takes a tenth of a second.
_NO_COMPILATION = text("SET LOCAL jit = off")


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What one step did: the meters with their earliest new read, and the hours written.

    On plain PostgreSQL a day with a new or changed hour is written whole, and all its hours count.
    """

    changed_from: Mapping[int, datetime]
    hours: int


def roll_up_some(engine: Engine, *, meters: int = METERS_A_TRANSACTION) -> RolledUp:
    """Derive the hours of some meters that are due, in one transaction; empty when none is."""
    with engine.begin() as connection:
        due = connection.execute(_TAKE_DUE, {"meters": meters}).all()
        if not due:
            return RolledUp({}, 0)
        connection.execute(_NO_COMPILATION)
        hours = connection.execute(
            _NARROW if uses_timescale(connection) else _PACKED,
            {
                "meter_ids": arrays.integers(row.meter_id for row in due),
                "from_at": arrays.instants(row.from_at for row in due),
                "until_at": arrays.instants(row.until_at for row in due),
            },
        ).scalar_one()
    return RolledUp({row.meter_id: row.from_at for row in sorted(due)}, hours)


def ask_for_everything(engine: Engine) -> int:
    """Mark all meters as due from their first read on: rebuilds every hour; returns how many meters."""
    statement = text(
        """
        INSERT INTO rollup_due (meter_id, from_at, until_at)
        SELECT meter_id, min(at), max(at) FROM register_read GROUP BY meter_id
        ON CONFLICT (meter_id) DO UPDATE
            SET from_at = least(rollup_due.from_at, excluded.from_at),
                until_at = greatest(rollup_due.until_at, excluded.until_at)
        """
    )
    with engine.begin() as connection:
        return connection.execute(statement).rowcount
