"""Edits of reads and hours as stored: new rows that name the old ones, with who, when and why; nothing is deleted.

Every edit notes the span it touches, so that the roll-up derives the hours again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.errors import Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.readings.repository import EXCHANGE, Source, note_due


@dataclass(frozen=True, slots=True)
class By:
    """Who edits, and why."""

    actor: str
    reason: str


_READ = text(
    """
    SELECT r.id, r.meter_id, r.at, r.volume_ml, r.source, r.alarms, r.meter_at, m.manufacturer, m.serial, m.digits,
           EXISTS (SELECT FROM read_set_aside a WHERE a.meter_id = r.meter_id AND a.read_id = r.id) AS set_aside
    FROM register_read r JOIN meter m ON m.id = r.meter_id
    WHERE r.id = :id
    """
)
_CORRECTION = text(
    """
    INSERT INTO register_read (meter_id, at, volume_ml, source, meter_at)
    SELECT meter_id, at, :volume_ml, :source, meter_at FROM register_read WHERE id = :id RETURNING id
    """
)
# Not FOR UPDATE: reads that arrive meanwhile point to the meter and need not wait.
_LOCK_METER = text("SELECT FROM meter WHERE id = :id FOR NO KEY UPDATE")


def find_read(connection: Connection, read_id: int, *, lock: bool = False) -> AnyRow:
    """Return a read and whether it is set aside; with `lock`, other edits of its meter wait."""
    row = connection.execute(_READ, {"id": read_id}).first()
    if row is None:
        raise NotFound(f"there is no read {read_id}")
    if lock:
        lock_meter(connection, row.meter_id)
        row = connection.execute(_READ, {"id": read_id}).one()
    return row


def lock_meter(connection: Connection, meter_id: int) -> None:
    """Have other edits of a meter wait until this transaction ends."""
    connection.execute(_LOCK_METER, {"id": meter_id})


def set_aside(connection: Connection, read_id: int, by: By, *, corrected_ml: int | None = None) -> int:
    """Let a read count no longer, or let another register take its place; return the edit's id."""
    read = find_read(connection, read_id, lock=True)
    if read.set_aside:
        raise Conflict(f"read {read_id} is set aside already")
    replaced_by = None
    if corrected_ml is not None:
        # the end of a meter's time at a point stays one
        source = Source(read.source) if read.source in EXCHANGE else Source.UTILITY
        values = {"id": read_id, "volume_ml": corrected_ml, "source": source}
        replaced_by = connection.execute(_CORRECTION, values).scalar_one()
    statement = text(
        """
        INSERT INTO read_edit (meter_id, read_id, read_at, replaced_by, reason, actor)
        VALUES (:meter_id, :read_id, :read_at, :replaced_by, :reason, :actor) RETURNING id
        """
    )
    row = {
        "meter_id": read.meter_id,
        "read_id": read.id,
        "read_at": read.at,
        "replaced_by": replaced_by,
        "reason": by.reason,
        "actor": by.actor,
    }
    edit_id: int = connection.execute(statement, row).scalar_one()
    note_due(connection, read.meter_id, floor_hour(read.at), read.at, vanishing=True)
    return edit_id


def undo_read_edit(connection: Connection, edit_id: int, by: By) -> AnyRow:
    """Let the read of an edit count again, and its correction no longer; return the edit that is undone."""
    edit = find_read_edit(connection, edit_id)
    lock_meter(connection, edit.meter_id)
    edit = find_read_edit(connection, edit_id)
    if edit.undone or edit.undoes is not None:
        raise Conflict(f"edit {edit_id} of a read is undone already")
    if edit.replaced_by is not None and find_read(connection, edit.replaced_by).set_aside:
        raise Conflict(f"the read that corrects read {edit.read_id} was edited itself: undo that first")
    connection.execute(
        text(
            """
            INSERT INTO read_edit (meter_id, read_id, read_at, replaced_by, undoes, reason, actor)
            VALUES (:meter_id, :read_id, :read_at, :replaced_by, :undoes, :reason, :actor)
            """
        ),
        {
            "meter_id": edit.meter_id,
            "read_id": edit.read_id,
            "read_at": edit.read_at,
            "replaced_by": edit.replaced_by,
            "undoes": edit_id,
            "reason": by.reason,
            "actor": by.actor,
        },
    )
    note_due(connection, edit.meter_id, floor_hour(edit.read_at), edit.read_at, vanishing=True)
    return edit


def find_read_edit(connection: Connection, edit_id: int) -> AnyRow:
    """Return an edit of a read and whether it was undone."""
    statement = text(
        "SELECT e.*, EXISTS (SELECT FROM read_edit u WHERE u.undoes = e.id) AS undone "
        "FROM read_edit e WHERE id = :id"
    )
    row = connection.execute(statement, {"id": edit_id}).first()
    if row is None:
        raise NotFound(f"there is no edit {edit_id} of a read")
    return row


def edit_hours(
    connection: Connection, meter_id: int, first_at: datetime, volumes_ml: Sequence[int], by: By
) -> int:
    """Lay volumes over the hours of a meter from a full hour on; return the edit's id."""
    lock_meter(connection, meter_id)
    until = first_at + len(volumes_ml) * HOUR
    statement = text(
        """
        INSERT INTO hour_edit
            (meter_id, first_at, volumes_ml, originals_ml, original_qualities, reason, actor)
        SELECT :meter_id, :first_at, CAST(:volumes_ml AS bigint[]), array_agg(h.volume_ml ORDER BY g),
               array_agg(h.quality ORDER BY g), :reason, :actor
        FROM generate_series(:first_at, CAST(:until AS timestamptz) - interval '1 hour', interval '1 hour') AS g
        LEFT JOIN hourly(:first_at, :until) h ON h.meter_id = :meter_id AND h.hour = g
        RETURNING id
        """
    )
    values = {
        "meter_id": meter_id,
        "first_at": first_at,
        "until": until,
        "volumes_ml": list(volumes_ml),
        "reason": by.reason,
        "actor": by.actor,
    }
    edit_id: int = connection.execute(statement, values).scalar_one()
    note_due(connection, meter_id, first_at, until, vanishing=False)
    return edit_id


def undo_hour_edit(connection: Connection, edit_id: int, by: By) -> AnyRow:
    """Take an edit of hours away; return it."""
    edit = find_hour_edit(connection, edit_id)
    lock_meter(connection, edit.meter_id)
    edit = find_hour_edit(connection, edit_id)
    if edit.undone or edit.undoes is not None:
        raise Conflict(f"edit {edit_id} of hours is undone already")
    statement = text(
        """
        INSERT INTO hour_edit
            (meter_id, first_at, volumes_ml, originals_ml, original_qualities, undoes, reason, actor)
        SELECT meter_id, first_at, volumes_ml, originals_ml, original_qualities, id, :reason, :actor
        FROM hour_edit WHERE id = :id
        """
    )
    connection.execute(statement, {"id": edit_id, "reason": by.reason, "actor": by.actor})
    until = edit.first_at + len(edit.volumes_ml) * HOUR
    note_due(connection, edit.meter_id, edit.first_at, until, vanishing=True)
    return edit


def find_hour_edit(connection: Connection, edit_id: int) -> AnyRow:
    """Return an edit of hours and whether it was undone."""
    statement = text(
        "SELECT e.*, EXISTS (SELECT FROM hour_edit u WHERE u.undoes = e.id) AS undone "
        "FROM hour_edit e WHERE id = :id"
    )
    row = connection.execute(statement, {"id": edit_id}).first()
    if row is None:
        raise NotFound(f"there is no edit {edit_id} of hours")
    return row
