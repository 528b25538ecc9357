"""Background work on reads."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import Engine, text

from meterhub.readings.rollup import METERS_A_TRANSACTION, RolledUp, roll_up_some

_TAKE_CHANGED = text(
    """
    DELETE FROM hours_changed WHERE meter_id IN (
        SELECT meter_id FROM hours_changed ORDER BY meter_id LIMIT :meters FOR UPDATE SKIP LOCKED
    )
    RETURNING meter_id, from_at
    """
)


def roll_up(engine: Engine) -> Iterator[RolledUp]:
    """Derive all hours that are due, some meters at a time; yields each step once it is committed."""
    while (step := roll_up_some(engine)).changed_from:
        yield step


def changed_hours(engine: Engine) -> Iterator[Mapping[int, datetime]]:
    """Yield meters whose hours were derived anew, some at a time, with the earliest new read.

    A step counts as examined when the caller comes back for the next one; if it fails, or dies, it comes again.
    """
    while True:
        with engine.begin() as connection:
            rows = connection.execute(_TAKE_CHANGED, {"meters": METERS_A_TRANSACTION}).all()
            if not rows:
                return
            yield {row.meter_id: row.from_at for row in sorted(rows)}
