"""Gateways: the list with their state and alarms, one gateway with its history, enrolling and settings."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response

from meterhub.access import service as access_service
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.errors import NotFound
from meterhub.fleet import alarms, coverage_views, enrolment, reports, repository
from meterhub.fleet.rules import CLOCK_WRONG_S, SILENT_AFTER
from meterhub.fleet.schemas import GatewaySettings
from meterhub.kit.charts import Bar
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.kit.small_charts import sparkline
from meterhub.web.page_route import page_router, see_other
from meterhub.web.pictures import LOW, bars_in_two_sizes
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

SPARK_HOURS = 48
SPANS = (2, 7, 30)
ALARMS_SHOWN = 50
FRAGILE_SHOWN = 50
KEEPS = {
    "": "Its own settings",
    "all": "All telegrams",
    "quarter": "Of each meter the last before each quarter of an hour",
    "hour": "Of each meter the last before each hour",
}
LISTED = {"": "Its own settings", "no": "All meters it hears", "yes": "Registered meters only"}

Name = Annotated[str, Form(min_length=1, max_length=100)]
Reader = Annotated[Principal, page(Permission.READ_GATEWAYS)]
Manager = Annotated[Principal, page(Permission.MANAGE_GATEWAYS)]


@router.get("/fleet")
def show_list(request: Request, engine: EngineDep, clock: ClockDep, principal: Reader) -> Response:
    """List gateways with their state, and the alarms that hold."""
    now = clock()
    hour = floor_hour(now)
    with engine.connect() as connection:
        gateways = repository.fleet(connection, now)
        history = repository.hours_of(connection, [row.id for row in gateways], hour - SPARK_HOURS * HOUR)
        values = {
            "gateways": gateways,
            "alarms": alarms.list_alarms(connection, limit=ALARMS_SHOWN),
            "kinds": alarms.count_unsettled(connection),
        }
    heard: dict[int, dict[datetime, int]] = defaultdict(dict)
    for row in history:
        heard[row.gateway_id][row.hour] = row.heard
    values["sparks"] = {
        row.id: sparkline(
            [heard[row.id].get(hour - back * HOUR) for back in range(SPARK_HOURS, 0, -1)],
            name=f"spark-{row.id}",
            title=f"Telegrams an hour heard by {row.name} in the last {SPARK_HOURS} hours",
        )
        for row in gateways
    }
    return render(request, "fleet.html", {**values, **_limits(now)}, principal=principal)


def _limits(now: datetime) -> dict[str, object]:
    return {"silent_before": now - SILENT_AFTER, "clock_wrong_s": CLOCK_WRONG_S, "now": now}


@router.post("/fleet/codes", dependencies=[Depends(own_form)])
def create_code(
    request: Request,
    engine: EngineDep,
    clock: ClockDep,
    principal: Manager,
    name: Name,
    place: Annotated[str | None, Form(max_length=200)] = None,
) -> Response:
    """Give out an enrolment code and show it, this once."""
    with engine.begin() as connection:
        code = enrolment.create_code(connection, principal, name.strip(), place=place, now=clock())
    return render(request, "fleet_code.html", {"code": code}, principal=principal)


@router.get("/fleet/{name}")
def show(
    request: Request,
    name: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Reader,
    days: int = SPANS[1],
) -> Response:
    """Show one gateway: state, dongles, history, what it hears, and what it shall keep."""
    now = clock()
    days = days if days in SPANS else SPANS[1]
    with engine.connect() as connection:
        found = repository.fleet(connection, now, name)
        if not found:
            raise NotFound(f"there is no gateway {name!r}")
        (gateway,) = found
        since = floor_hour(now) - timedelta(days=days)
        history = repository.hours_of(connection, [gateway.id], since)
        day = coverage_views.newest_day(connection, now.astimezone(UTC).date())
        summary = coverage_views.stored_summary(connection, day)
        values = {
            "gateway": gateway,
            "days": days,
            "spans": SPANS,
            "alarms": alarms.list_alarms(connection, gateway=name, closed_too=True, limit=20),
            "setting": repository.setting_of(connection, gateway.id),
            "heard": next((row for row in summary.gateways if row.gateway == name), None) if summary else None,
            "coverage_day": day,
            "keeps": KEEPS,
            "listed": LISTED,
            "fragile": [],
        }
        if principal.may(Permission.READ_POINTS) and summary is not None:
            values["fragile"] = [row for row in summary.fragile if row.gateway == name][:FRAGILE_SHOWN]
    values["pictures"] = _pictures(history, since, floor_hour(now) + HOUR, settings)
    return render(request, "fleet_gateway.html", {**values, **_limits(now)}, principal=principal)


def _pictures(
    history: Sequence[AnyRow], since: datetime, until: datetime, settings: SettingsDep
) -> dict[str, str]:
    """Return what was heard, what was noise, and what waited, by the hour."""
    by_hour = {row.hour: row for row in history}
    hours = [since + number * HOUR for number in range((until - since) // HOUR)]
    shown = (
        ("heard", "Telegrams heard by the hour", "an hour"),
        ("noise", "Noise and broken telegrams by the hour", "an hour"),
        ("spool_depth_max", "Telegrams waiting in the spool, most in each hour", "waiting"),
    )
    return {
        title: bars_in_two_sizes(
            [Bar(hour, getattr(by_hour[hour], column) if hour in by_hour else None) for hour in hours],
            HOUR,
            name=column.replace("_", "-"),
            title=title,
            description=f"Highest {max((getattr(row, column) for row in history), default=0)}.",
            unit=unit,
            zone=settings.tz,
            height=LOW,
        )
        for column, title, unit in shown
    }


@router.post("/fleet/{name}/settings", dependencies=[Depends(own_form)])
def change_settings(
    name: str,
    engine: EngineDep,
    clock: ClockDep,
    principal: Manager,
    keep: Annotated[str, Form(pattern="^(|all|quarter|hour)$")] = "",
    listed_only: Annotated[str, Form(pattern="^(|yes|no)$")] = "",
) -> Response:
    """Say what the gateway shall keep."""
    only = {"": None, "yes": True, "no": False}[listed_only]
    wanted = GatewaySettings.model_validate({"keep": keep or None, "listed_only": only})
    with engine.begin() as connection:
        reports.change_settings(connection, principal, name, wanted, clock())
    return _back(name)


@router.post("/fleet/{name}/rotation", dependencies=[Depends(own_form)])
def rotate(name: str, engine: EngineDep, clock: ClockDep, principal: Manager) -> Response:
    """Have the gateway fetch a new token."""
    with engine.begin() as connection:
        enrolment.ask_to_rotate(connection, principal, name, clock())
    return _back(name)


@router.post("/fleet/{name}/revocation", dependencies=[Depends(own_form)])
def revoke(name: str, engine: EngineDep, principal: Manager) -> Response:
    """Lock the gateway out."""
    with engine.begin() as connection:
        access_service.revoke_gateway(connection, principal, name)
    return _back(name)


@router.post("/fleet/alarms/{alarm_id}/acknowledge", dependencies=[Depends(own_form)])
def acknowledge(
    alarm_id: int,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.HANDLE_ALERTS)],
) -> Response:
    """Say that somebody looks after the alarm."""
    with engine.begin() as connection:
        alarms.acknowledge(connection, principal, alarm_id, note="", now=clock())
    return see_other("/fleet")


def _back(name: str) -> Response:
    return see_other(f"/fleet/{quote(name, safe='')}")
