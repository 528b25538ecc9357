"""Metering points: the list, and one point with its water."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.alerts import repository as alerts
from meterhub.assets import repository as assets
from meterhub.errors import NotFound
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.kit.paging import page_of
from meterhub.readings import repository as readings
from meterhub.readings.schemas import Resolution
from meterhub.web import queries
from meterhub.web.page_route import page_router
from meterhub.web.pictures import bars_in_two_sizes, heat_in_two_sizes, hourly_bars, local_midnight
from meterhub.web.render import number, render
from meterhub.web.security import page

router = page_router()

ROWS = 50
SPANS = (14, 35, 90)
ALERTS_SHOWN = 10


@router.get("/points")
def show_list(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_POINTS)],
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """List points by code; the search knows codes, serials of meters and streets."""
    search = q.strip()
    with engine.connect() as connection:
        rows = assets.list_points(connection, search=search, after=after, limit=ROWS + 1)
    shown, cursor = page_of(rows, ROWS, lambda row: row.point_code)
    values = {"points": shown, "search": search, "cursor": cursor, "after": after}
    return render(request, "points.html", values, principal=principal)


@router.get("/points/{point_code}")
def show(
    request: Request,
    point_code: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_CONSUMPTION)],
    days: int = SPANS[1],
) -> Response:
    """Show what a point used by the hour; each look is logged."""
    days = days if days in SPANS else SPANS[1]
    until = floor_hour(clock()) + HOUR
    since = local_midnight(until - timedelta(days=days), settings.tz)
    sees_customers = principal.may(Permission.READ_CUSTOMERS)
    with engine.begin() as connection:
        point = assets.find_point(connection, point_code)
        if point is None:
            raise NotFound(f"there is no metering point {point_code!r}")
        rows = readings.consumption(
            connection, point.id, since, until, resolution=Resolution.HOUR, zone=settings.zone
        )
        raised = (
            alerts.list_alerts(connection, point_id=point.id, limit=ALERTS_SHOWN)
            if principal.may(Permission.READ_ALERTS)
            else []
        )
        values = {
            "point": point,
            "days": days,
            "spans": SPANS,
            "read": queries.last_read(connection, point.id),
            "alarms": queries.alarms(connection, point.id, since, until),
            "alerts": raised,
            "contracts": queries.contracts(connection, point.id, until.astimezone(settings.tz).date())
            if sees_customers
            else [],
            "sees_customers": sees_customers,
        }
        audit.record(
            connection,
            principal,
            action="read-consumption",
            purpose="customer-service",
            subject=f"point:{point_code}",
            detail={"resolution": "hour", "from": since.isoformat(), "until": until.isoformat(), "page": True},
        )
    volumes = {row.start: (row.volume_ml, row.quality) for row in rows}
    total_m3 = sum(row.volume_ml for row in rows) / 1e6
    lowest = min((row.volume_ml for row in rows), default=0) / 1000
    said = f"{number(total_m3, 3)} m³ in {len(rows)} hours with data; lowest hour {number(lowest)} L."
    values |= {
        "hours": len(rows),
        "span_hours": (until - since) // HOUR,
        "total_ml": sum(row.volume_ml for row in rows),
    }
    values["bars"] = bars_in_two_sizes(
        hourly_bars(volumes, since, until, per=1000),
        HOUR,
        name="hours",
        title=f"Water used at {point_code}, by the hour",
        description=said,
        unit="L/h",
        zone=settings.tz,
        marks=[(alert.onset_at, alert.closed_at or until) for alert in raised],
    )
    values["heat"] = heat_in_two_sizes(volumes, since, until, name="heat", description=said, zone=settings.tz)
    return render(request, "point.html", values, principal=principal)
