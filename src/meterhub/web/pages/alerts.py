"""Alerts: the list, one alert with its picture, acknowledging and closing."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.alerts import repository, service
from meterhub.alerts.detectors import Severity
from meterhub.alerts.lifecycle import Outcome
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.kit.paging import page_of
from meterhub.readings import repository as readings
from meterhub.readings.schemas import Resolution
from meterhub.web.page_route import page_router, see_other
from meterhub.web.pictures import bars_in_two_sizes, heat_in_two_sizes, hourly_bars, local_midnight
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 50
STATES = ("unsettled", "open", "acknowledged", "closed")
BEFORE, AFTER = timedelta(days=7), timedelta(days=3)
LONGEST = timedelta(days=60)
BY_PERSON = (Outcome.RESOLVED, Outcome.FALSE, Outcome.EXPIRED)

Note = Annotated[str, Form(max_length=service.LONGEST_NOTE)]


@router.get("/alerts")
def show_list(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_ALERTS)],
    state: str = STATES[0],
    severity: str = "",
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """List alerts, newest first, at first those that are not settled."""
    state = state if state in STATES else STATES[0]
    severity = severity if severity in list(Severity) else ""
    with engine.begin() as connection:
        rows = repository.list_alerts(
            connection, state=state, severity=severity or None, before_id=before, limit=ROWS + 1
        )
        audit.record(connection, principal, action="list-alerts", purpose="leak-detection")
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    values = {
        "alerts": shown,
        "cursor": cursor,
        "state": state,
        "states": STATES,
        "severity": severity,
        "severities": list(Severity),
    }
    return render(request, "alerts.html", values, principal=principal)


@router.get("/alerts/{alert_id}")
def show(
    request: Request,
    alert_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_ALERTS)],
) -> Response:
    """Show an alert: what was seen, the water around it, and what was done; each look is logged."""
    with engine.begin() as connection:
        alert = service.read_alert(connection, principal, alert_id)
        until = floor_hour(min(clock(), (alert.closed_at or clock()) + AFTER)) + HOUR
        since = local_midnight(max(alert.onset_at - BEFORE, until - LONGEST), settings.tz)
        rows = readings.consumption(
            connection,
            alert.metering_point_id,
            since,
            until,
            resolution=Resolution.HOUR,
            zone=settings.zone,
        )
        events = repository.events_of(connection, alert_id)
    volumes = {row.start: (row.volume_ml, row.quality) for row in rows}
    values = {
        "alert": alert,
        "events": events,
        "outcomes": BY_PERSON,
        "bars": bars_in_two_sizes(
            hourly_bars(volumes, since, until, per=1000),
            HOUR,
            name="hours",
            title="Water used around the alert, by the hour",
            description="The time of the alert is shaded.",
            unit="L/h",
            zone=settings.tz,
            marks=[(alert.onset_at, alert.closed_at or until)],
        ),
        "heat": heat_in_two_sizes(
            volumes, since, until, name="heat", description="Each column is a day.", zone=settings.tz
        ),
    }
    return render(request, "alert.html", values, principal=principal)


@router.post("/alerts/{alert_id}/acknowledge", dependencies=[Depends(own_form)])
def acknowledge(
    alert_id: int,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.HANDLE_ALERTS)],
    note: Note = "",
) -> Response:
    """Say that somebody looks after the alert."""
    with engine.begin() as connection:
        service.acknowledge(connection, principal, alert_id, note=note.strip(), now=clock())
    return see_other(f"/alerts/{alert_id}")


@router.post("/alerts/{alert_id}/close", dependencies=[Depends(own_form)])
def close(
    alert_id: int,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.HANDLE_ALERTS)],
    outcome: Annotated[Outcome, Form()],
    note: Note = "",
) -> Response:
    """Settle the alert."""
    with engine.begin() as connection:
        service.close(connection, principal, alert_id, note=note.strip(), outcome=outcome, now=clock())
    return see_other(f"/alerts/{alert_id}")
