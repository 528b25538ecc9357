"""Queries on alerts and their events."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, text, update

from meterhub.alerts.detectors import Severity
from meterhub.alerts.lifecycle import REOPEN_WITHIN_S, Alert, Outcome
from meterhub.alerts.tables import alert, alert_event
from meterhub.assets.tables import meter, metering_point, property_
from meterhub.kit.db import AnyRow

_SEEN = (
    select(
        alert,
        metering_point.c.point_code,
        property_.c.street,
        property_.c.city,
        meter.c.manufacturer,
        meter.c.serial,
    )
    .join(metering_point, metering_point.c.id == alert.c.metering_point_id)
    .join(property_, property_.c.id == metering_point.c.property_id)
    .join(meter, meter.c.id == alert.c.meter_id)
)


def list_alerts(
    connection: Connection,
    *,
    state: str | None = None,
    severity: str | None = None,
    point_id: int | None = None,
    before_id: int | None = None,
    limit: int,
) -> Sequence[AnyRow]:
    """Return alerts with where they are, newest first; `state` may be `unsettled` for open or acknowledged."""
    statement = _SEEN.order_by(alert.c.id.desc()).limit(limit)
    if state == "unsettled":
        statement = statement.where(alert.c.state.in_(("open", "acknowledged")))
    elif state is not None:
        statement = statement.where(alert.c.state == state)
    if severity is not None:
        statement = statement.where(alert.c.severity == severity)
    if point_id is not None:
        statement = statement.where(alert.c.metering_point_id == point_id)
    if before_id is not None:
        statement = statement.where(alert.c.id < before_id)
    return connection.execute(statement).all()


def find_alert(connection: Connection, alert_id: int) -> AnyRow | None:
    """Return an alert with where it is."""
    return connection.execute(_SEEN.where(alert.c.id == alert_id)).first()


def lock_alert(connection: Connection, alert_id: int) -> AnyRow | None:
    """Return an alert and hold it until the transaction ends."""
    return connection.execute(select(alert).where(alert.c.id == alert_id).with_for_update()).first()


def events_of(connection: Connection, alert_id: int) -> Sequence[AnyRow]:
    """Return what happened to an alert, oldest first."""
    return connection.execute(
        select(alert_event).where(alert_event.c.alert_id == alert_id).order_by(alert_event.c.id)
    ).all()


def count_unsettled(connection: Connection) -> dict[str, int]:
    """Return how many alerts are open or acknowledged, by severity."""
    statement = text("SELECT severity, count(*) FROM alert WHERE state <> 'closed' GROUP BY severity")
    return {row[0]: row[1] for row in connection.execute(statement)}


def add_event(
    connection: Connection, alert_id: int, *, at: datetime, actor: str, action: str, note: str = ""
) -> None:
    """Note what happened to an alert."""
    connection.execute(insert(alert_event).values(alert_id=alert_id, at=at, actor=actor, action=action, note=note))


def change_alert(connection: Connection, alert_id: int, values: dict[str, object]) -> None:
    """Give an alert a new state."""
    connection.execute(update(alert).where(alert.c.id == alert_id).values(values))


def newest_of_points(connection: Connection, point_ids: Sequence[int], since: datetime) -> Sequence[AnyRow]:
    """Return and hold the newest alert a point and kind that is open, or was closed not long before `since`."""
    statement = text(
        """
        SELECT * FROM alert WHERE id IN (
            SELECT max(id) FROM alert WHERE metering_point_id = ANY(:points)
            AND (state <> 'closed' OR closed_at >= :since) GROUP BY metering_point_id, kind
        )
        ORDER BY id FOR UPDATE
        """
    )
    horizon = since - timedelta(seconds=REOPEN_WITHIN_S)
    return connection.execute(statement, {"points": list(point_ids), "since": horizon}).all()


def insert_alert(connection: Connection, point_id: int, meter_id: int, value: Alert) -> int:
    """Store a new alert and return its id."""
    statement = insert(alert).values(
        metering_point_id=point_id,
        meter_id=meter_id,
        kind=value.kind,
        raised_at=_at(value.raised_s),
        **_row(value),
    )
    return int(connection.execute(statement.returning(alert.c.id)).scalar_one())


def update_alert(connection: Connection, alert_id: int, value: Alert, *, state: str) -> None:
    """Store what the detector knows now."""
    connection.execute(update(alert).where(alert.c.id == alert_id).values(**{**_row(value), "state": state}))


def to_alert(row: AnyRow) -> Alert:
    """Return a stored alert as the lifecycle sees it."""
    return Alert(
        kind=row.kind,
        severity=Severity(row.severity),
        onset_s=_s(row.onset_at),
        raised_s=_s(row.raised_at),
        seen_until_s=_s(row.seen_until_at),
        rate_ml_h=row.rate_ml_h,
        volume_ml=row.volume_ml,
        evidence=row.evidence,
        closed_s=_s(row.closed_at) if row.closed_at else None,
        outcome=Outcome(row.outcome) if row.outcome else None,
    )


def _row(value: Alert) -> dict[str, object]:
    return {
        "severity": value.severity.value,
        "state": "open" if value.is_open else "closed",
        "onset_at": _at(value.onset_s),
        "seen_until_at": _at(value.seen_until_s),
        "closed_at": None if value.closed_s is None else _at(value.closed_s),
        "rate_ml_h": value.rate_ml_h,
        "volume_ml": value.volume_ml,
        "evidence": value.evidence,
        "outcome": value.outcome.value if value.outcome else None,
    }


def _at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _s(at: datetime) -> int:
    return int(at.timestamp())
