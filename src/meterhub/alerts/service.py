"""What people do with alerts: look, acknowledge, close."""

from datetime import datetime

from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.alerts import memory, repository
from meterhub.alerts.lifecycle import Action, Outcome
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow

LONGEST_NOTE = 2000


def read_alert(connection: Connection, principal: Principal, alert_id: int) -> AnyRow:
    """Return an alert; the look is logged, since it tells of a home."""
    row = repository.find_alert(connection, alert_id)
    if row is None:
        raise NotFound(f"there is no alert {alert_id}")
    audit.record(connection, principal, action="read-alert", purpose="leak-detection", subject=f"alert:{alert_id}")
    return row


def acknowledge(connection: Connection, principal: Principal, alert_id: int, *, note: str, now: datetime) -> None:
    """Say that somebody looks after an open alert."""
    row = _unsettled(connection, alert_id, note)
    if row.state == "acknowledged":
        raise Conflict(f"alert {alert_id} is acknowledged already; add what is new when you close it")
    repository.change_alert(connection, alert_id, {"state": "acknowledged"})
    _note(connection, principal, alert_id, Action.ACKNOWLEDGED, note, now)


def close(
    connection: Connection,
    principal: Principal,
    alert_id: int,
    *,
    note: str,
    outcome: Outcome,
    now: datetime,
) -> None:
    """Settle an alert; what was false becomes normal for this meter."""
    row = _unsettled(connection, alert_id, note)
    if outcome is Outcome.ENDED:
        raise BadInput(
            "a person closes as resolved, false or expired", fields={"outcome": "kept for the detector"}
        )
    values = {"state": "closed", "closed_at": now, "outcome": outcome.value}
    repository.change_alert(connection, alert_id, values)
    if outcome is Outcome.FALSE:
        memory.learn_again(connection, row.meter_id, row.onset_at.date())
    _note(connection, principal, alert_id, Action.CLOSED, f"{outcome}: {note}" if note else outcome, now)


def _unsettled(connection: Connection, alert_id: int, note: str) -> AnyRow:
    if len(note) > LONGEST_NOTE:
        raise BadInput(f"a note has at most {LONGEST_NOTE} characters", fields={"note": "too long"})
    row = repository.lock_alert(connection, alert_id)
    if row is None:
        raise NotFound(f"there is no alert {alert_id}")
    if row.state == "closed":
        raise Conflict(f"alert {alert_id} is closed already")
    return row


def _note(
    connection: Connection, principal: Principal, alert_id: int, action: Action, note: str, now: datetime
) -> None:
    repository.add_event(connection, alert_id, at=now, actor=principal.name, action=action, note=note)
    audit.record(
        connection,
        principal,
        action=f"{action}-alert",
        purpose="leak-detection",
        subject=f"alert:{alert_id}",
    )
