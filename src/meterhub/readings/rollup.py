"""The hourly roll-up in SQL: only what changed, set-based, the same result as `meterhub.readings.hourly`.

Whoever stores or edits reads notes the span they fall in (`rollup_due`). It is widened to all hours that the
change reaches (`rollup_span`), derived again (`rollup_derive`) and written in the store's form (`rollup_write`);
where hours may have to vanish, they are taken back first (`rollup_clear`). Meters are independent, so several
workers share what is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from meterhub.kit import arrays
from meterhub.kit.db import AnyRow
from meterhub.readings.rollup_clear import clear, drop_empty_days
from meterhub.readings.rollup_derive import ORDINARY, SPECIAL
from meterhub.readings.rollup_span import OVERTAKEN, SPAN
from meterhub.readings.rollup_write import WRITE_NARROW, WRITE_PACKED, WRITE_PACKED_SPECIAL
from meterhub.store.backend import uses_timescale

METERS_A_TRANSACTION = 500

# A statement of its own: the next one sees all reads that were noted up to the moment of taking. In one
# statement a note could be taken whose reads are younger than what the statement sees.
_TAKE_DUE = text(
    """
    DELETE FROM rollup_due WHERE meter_id IN (
        SELECT meter_id FROM rollup_due ORDER BY meter_id LIMIT :meters FOR UPDATE SKIP LOCKED
    )
    RETURNING meter_id, from_at, until_at, vanishing
    """
)
_OVERTAKEN = text(OVERTAKEN)
_SPAN = text(SPAN)
_HOURS_WRITTEN = "SELECT coalesce(sum(hours), 0)::bigint FROM written"
# by the store's form and whether the meters are special
_STATEMENTS = {
    (False, False): text(ORDINARY + WRITE_PACKED + _HOURS_WRITTEN),
    (False, True): text(SPECIAL + WRITE_PACKED_SPECIAL + _HOURS_WRITTEN),
    (True, False): text(ORDINARY + WRITE_NARROW + _HOURS_WRITTEN),
    (True, True): text(SPECIAL + WRITE_NARROW + _HOURS_WRITTEN),
}
# Who looks at derived hours does so in transactions of its own, and may die before.
_NOTE_DERIVED = text(
    """
    INSERT INTO hours_changed AS old (meter_id, from_at)
    SELECT meter_id, from_at FROM unnest(CAST(:meter_ids AS integer[]), CAST(:from_at AS timestamptz[]))
        AS new (meter_id, from_at)
    ORDER BY meter_id
    ON CONFLICT (meter_id) DO UPDATE SET from_at = least(old.from_at, excluded.from_at)
    """
)
# The planner expects large results and would compile a statement that takes a tenth of a second.
_NO_COMPILATION = text("SET LOCAL jit = off")


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What one step did: the meters with their earliest new read, and the hours written.

    On plain PostgreSQL a day with a new or changed hour is written whole, and all its hours count.
    """

    changed_from: Mapping[int, datetime]
    hours: int


@dataclass(frozen=True, slots=True)
class _Due:
    """What changed of a meter; `vanishing` says that hours may have to go."""

    meter_id: int
    from_at: datetime
    until_at: datetime
    vanishing: bool


def roll_up_some(engine: Engine, *, meters: int = METERS_A_TRANSACTION) -> RolledUp:
    """Derive the hours of some meters that are due, in one transaction; empty when none is."""
    with engine.begin() as connection:
        taken = [_Due(*row) for row in connection.execute(_TAKE_DUE, {"meters": meters})]
        if not taken:
            return RolledUp({}, 0)
        connection.execute(_NO_COMPILATION)
        due = _without_overtaken_estimates(connection, taken)
        spans = connection.execute(_SPAN, _spans(due)).all()
        hours = _derive(connection, spans, {one.meter_id for one in due if one.vanishing})
        connection.execute(_NOTE_DERIVED, _spans(taken))
    return RolledUp({one.meter_id: one.from_at for one in sorted(taken, key=lambda one: one.meter_id)}, hours)


def _without_overtaken_estimates(connection: Connection, due: Sequence[_Due]) -> list[_Due]:
    """Drop estimates between reads that are no longer neighbours; their hours have to be derived anew."""
    values = _spans(due) | {"vanishing": arrays.texts("t" if one.vanishing else "f" for one in due)}
    wider = {one.meter_id: one for one in due}
    for row in connection.execute(_OVERTAKEN, values):
        one = wider[row.meter_id]
        wider[row.meter_id] = _Due(
            row.meter_id, min(one.from_at, row.from_at), max(one.until_at, row.until_at), vanishing=True
        )
    return list(wider.values())


def _derive(connection: Connection, spans: Sequence[AnyRow], vanishing: set[int]) -> int:
    timescale = uses_timescale(connection)
    cleared = [span for span in spans if span.meter_id in vanishing]
    if cleared:
        clear(connection, cleared, timescale=timescale)
    hours = 0
    for special in (False, True):
        alike = [span for span in spans if span.special is special]
        if alike:
            hours += connection.execute(_STATEMENTS[timescale, special], _taken(alike)).scalar_one()
    if cleared and not timescale:
        drop_empty_days(connection, cleared)
    return hours


def _spans(due: Sequence[_Due]) -> dict[str, str]:
    return {
        "meter_ids": arrays.integers(one.meter_id for one in due),
        "from_at": arrays.instants(one.from_at for one in due),
        "until_at": arrays.instants(one.until_at for one in due),
    }


def _taken(spans: Sequence[AnyRow]) -> dict[str, str]:
    return {
        "meter_ids": arrays.integers(span.meter_id for span in spans),
        "low": arrays.instants(span.low for span in spans),
        "high": arrays.instants(span.high for span in spans),
        "capacity_ml": arrays.integers(span.capacity_ml for span in spans),
        "aside": arrays.texts("{" + ",".join(map(str, span.aside)) + "}" for span in spans),
    }


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
