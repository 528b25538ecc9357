"""What people do about findings and reads: settle, edit with a preview, undo; each with a reason, each logged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.kit.queue import defer
from meterhub.readings import editing
from meterhub.readings.editing import By
from meterhub.readings.hourly import HourlyVolume, Kind, RegisterRead, capacity_ml, hourly_volumes
from meterhub.readings.service import ROLL_UP, find_point
from meterhub.vee import affected, repository

PURPOSE = "reading-quality"
LONGEST_REASON = 2000
LONGEST_EDIT_HOURS = 24 * 31


@dataclass(frozen=True, slots=True)
class Changed:
    """One hour before and after an edit; None where there is no value."""

    hour: datetime
    before_ml: int | None
    after_ml: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit of a read would change."""

    read: AnyRow
    corrected_ml: int | None
    hours: Sequence[Changed]
    invoices: Sequence[AnyRow]


def read_finding(connection: Connection, principal: Principal, finding_id: int) -> AnyRow:
    """Return a finding; the look is logged, since it tells of a home."""
    row = repository.find_finding(connection, finding_id)
    if row is None:
        raise NotFound(f"there is no finding {finding_id}")
    audit.record(connection, principal, action="read-finding", purpose=PURPOSE, subject=f"finding:{finding_id}")
    return row


def settle(
    connection: Connection, principal: Principal, finding_id: int, state: str, *, reason: str, now: datetime
) -> None:
    """Accept a finding (it is so) or dismiss it (it is nothing); it is never raised again."""
    by = _by(principal, reason)
    _settle(connection, finding_id, state, by, now)
    audit.record(
        connection, principal, action=f"{state}-finding", purpose=PURPOSE, subject=f"finding:{finding_id}"
    )


def preview_read_edit(connection: Connection, read_id: int, corrected_ml: int | None) -> Preview:
    """Say what changes when a read is set aside, or gets another register."""
    read = editing.find_read(connection, read_id)
    _check_register(read, corrected_ml)
    around = repository.reads_around(connection, read.meter_id, read.at)
    before = [_register(row) for row in around]
    after = [
        _register(row, volume_ml=corrected_ml if row.id == read_id else None)
        for row in around
        if row.id != read_id or corrected_ml is not None
    ]
    old, new = (_by_hour(hourly_volumes(reads, digits=read.digits)) for reads in (before, after))
    hours = [
        Changed(hour, old.get(hour), new.get(hour))
        for hour in sorted(old.keys() | new.keys())
        if old.get(hour) != new.get(hour)
    ]
    return Preview(read, corrected_ml, hours, affected.invoices(connection, read_id))


def edit_read(
    connection: Connection,
    principal: Principal,
    read_id: int,
    *,
    corrected_ml: int | None,
    reason: str,
    finding_id: int | None,
    now: datetime,
) -> int:
    """Set a read aside, or correct it; a finding that asked for it is settled. Returns the edit's id."""
    by = _by(principal, reason)
    read = editing.find_read(connection, read_id)
    _check_register(read, corrected_ml)
    if finding_id is not None:
        _settle(connection, finding_id, "edited", by, now, meter_id=read.meter_id)
    edit_id = editing.set_aside(connection, read_id, by, corrected_ml=corrected_ml)
    if finding_id is not None:
        repository.add_event(
            connection,
            finding_id,
            at=now,
            actor=by.actor,
            action="edited",
            reason=by.reason,
            read_edit_id=edit_id,
        )
    _note(connection, principal, "edit-read", f"read:{read_id}", edit_id)
    return edit_id


def undo_read_edit(
    connection: Connection, principal: Principal, edit_id: int, *, reason: str, now: datetime
) -> None:
    """Let a read count again; the finding that it was edited for opens again."""
    by = _by(principal, reason)
    edit = editing.undo_read_edit(connection, edit_id, by)
    for finding_id in repository.findings_edited_by(connection, read_edit_id=edit_id):
        repository.change(connection, finding_id, {"state": "open", "settled_at": None})
        repository.add_event(
            connection, finding_id, at=now, actor=by.actor, action="undone", reason=by.reason, read_edit_id=edit_id
        )
    _note(connection, principal, "undo-read-edit", f"read:{edit.read_id}", edit_id)


def edit_hours(
    connection: Connection,
    principal: Principal,
    point_code: str,
    first_at: datetime,
    volumes_ml: Sequence[int],
    *,
    reason: str,
) -> int:
    """Lay volumes over hours of the meter at a point; the hours as they were are kept. Returns the edit's id."""
    by = _by(principal, reason)
    if first_at != floor_hour(first_at):
        raise BadInput("an edit of hours begins at a full hour", fields={"first_at": "not a full hour"})
    if not 0 < len(volumes_ml) <= LONGEST_EDIT_HOURS:
        raise BadInput(f"edit 1 to {LONGEST_EDIT_HOURS} hours at once", fields={"volumes_m3": "too many or none"})
    point = find_point(connection, point_code)
    meter_id = repository.meter_during(connection, point, first_at, first_at + len(volumes_ml) * HOUR)
    if meter_id is None:
        raise Conflict(f"no single meter hung at {point_code} for all of these hours: edit each meter's by itself")
    edit_id = editing.edit_hours(connection, meter_id, first_at, volumes_ml, by)
    _note(connection, principal, "edit-hours", f"point:{point_code}", edit_id)
    return edit_id


def undo_hour_edit(connection: Connection, principal: Principal, edit_id: int, *, reason: str) -> None:
    """Take an edit of hours away: what follows from the reads stands again."""
    edit = editing.undo_hour_edit(connection, edit_id, _by(principal, reason))
    _note(connection, principal, "undo-hour-edit", f"meter:{edit.meter_id}", edit_id)


def _by(principal: Principal, reason: str) -> By:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise BadInput(
            f"say why, in at most {LONGEST_REASON} characters", fields={"reason": "missing or too long"}
        )
    return By(principal.name, reason)


def _settle(
    connection: Connection, finding_id: int, state: str, by: By, now: datetime, *, meter_id: int | None = None
) -> None:
    row = repository.find_finding(connection, finding_id, lock=True)
    if row is None:
        raise NotFound(f"there is no finding {finding_id}")
    if row.state != "open":
        raise Conflict(f"finding {finding_id} is {row.state} already")
    if meter_id is not None and row.meter_id != meter_id:
        raise BadInput(
            f"finding {finding_id} is about another meter than the read", fields={"finding_id": "another meter"}
        )
    repository.change(connection, finding_id, {"state": state, "settled_at": now})
    if state != "edited":  # an edit is noted with its number
        repository.add_event(connection, finding_id, at=now, actor=by.actor, action=state, reason=by.reason)


def _check_register(read: AnyRow, corrected_ml: int | None) -> None:
    if read.set_aside:
        raise Conflict(f"read {read.id} is set aside already")
    if corrected_ml is not None and not 0 <= corrected_ml < capacity_ml(read.digits):
        raise BadInput(
            f"the register of this meter has {read.digits} digits", fields={"volume_m3": "too many digits"}
        )


def _register(row: AnyRow, *, volume_ml: int | None = None) -> RegisterRead:
    kinds = {"installation": Kind.INSTALLATION, "removal": Kind.REMOVAL}
    return RegisterRead(
        row.at, row.volume_ml if volume_ml is None else volume_ml, kinds.get(row.source, Kind.ORDINARY)
    )


def _by_hour(volumes: Sequence[HourlyVolume]) -> dict[datetime, int]:
    return {volume.hour: volume.volume_ml for volume in volumes}


def _note(connection: Connection, principal: Principal, action: str, subject: str, edit_id: int) -> None:
    defer(connection, ROLL_UP, once=ROLL_UP, hold=True)
    audit.record(connection, principal, action=action, purpose=PURPOSE, subject=subject, detail={"edit": edit_id})
