"""REST for alerts."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.alerts import repository, service
from meterhub.alerts.detectors import Severity
from meterhub.alerts.schemas import (
    Acknowledgement,
    AlertDetail,
    AlertEvent,
    AlertItem,
    AlertState,
    Closing,
    item_values,
)
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


@router.get("")
def list_alerts(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_ALERTS)],
    state: AlertState | None = None,
    severity: Severity | None = None,
) -> Page[AlertItem]:
    """List alerts, newest first."""
    with engine.begin() as connection:
        rows = repository.list_alerts(
            connection,
            state=state,
            severity=severity,
            before_id=page.after,
            limit=page.limit + 1,
        )
        audit.record(connection, principal, action="list-alerts", purpose="leak-detection")
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[AlertItem.of(row) for row in shown], next_cursor=cursor)


@router.get("/{alert_id}")
def read_alert(
    alert_id: int, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_ALERTS)]
) -> AlertDetail:
    """Return an alert with everything that happened to it."""
    with engine.begin() as connection:
        row = service.read_alert(connection, principal, alert_id)
        events = [AlertEvent.model_validate(event) for event in repository.events_of(connection, alert_id)]
    return AlertDetail(**item_values(row), events=events)


@router.post("/{alert_id}/acknowledge", status_code=204)
def acknowledge(
    alert_id: int,
    body: Acknowledgement,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.HANDLE_ALERTS)],
) -> Response:
    """Say that somebody looks after an alert."""
    with engine.begin() as connection:
        service.acknowledge(connection, principal, alert_id, note=body.note, now=clock())
    return Response(status_code=204)


@router.post("/{alert_id}/close", status_code=204)
def close(
    alert_id: int,
    body: Closing,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.HANDLE_ALERTS)],
) -> Response:
    """Settle an alert; `false` teaches the detector what is normal for this meter."""
    with engine.begin() as connection:
        service.close(connection, principal, alert_id, note=body.note, outcome=body.outcome, now=clock())
    return Response(status_code=204)
