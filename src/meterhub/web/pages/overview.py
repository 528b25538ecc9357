"""The overview: is everything coming in, and does anything need somebody?"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import BackgroundTasks, FastAPI, Request, Response
from sqlalchemy import Engine

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.alerts import repository as alerts
from meterhub.fleet import alarms as fleet_alarms
from meterhub.ingest import views
from meterhub.kit.charts import Bar
from meterhub.kit.db import AnyRow
from meterhub.web import queries, town
from meterhub.web.page_route import page_router
from meterhub.web.pictures import LOW, bars_in_two_sizes, hourly_bars, local_midnight
from meterhub.web.render import number, render
from meterhub.web.security import page

router = page_router()

SPANS = (14, 35)
SILENT_GATEWAY = timedelta(hours=3)
# Counting the meters heard takes a while in a large town: the count of the look before is shown, and
# renewed once the page is out.
HEARD_COUNT_AFTER = timedelta(minutes=1)
HEARD_AT_MOST_OLD = timedelta(hours=1)


@router.get("/")
def show(
    request: Request,
    background: BackgroundTasks,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.VIEW_OVERVIEW)],
    days: int = SPANS[0],
) -> Response:
    """Show what came in, what is open, and the town's water."""
    now = clock()
    days = days if days in SPANS else SPANS[0]
    with engine.connect() as connection:
        first_look = town.needs_sums(connection)
    if first_look:
        town.renew(engine, now, at_most_s=town.FIRST_LOOK_S)
    background.add_task(town.renew, engine, now)
    heard: queries.Heard | None = getattr(request.app.state, "heard", None)
    if heard is None or now - heard.at > HEARD_AT_MOST_OLD:
        heard = _count_heard(request.app, engine, now)
    elif now - heard.at > HEARD_COUNT_AFTER:
        background.add_task(_count_heard, request.app, engine, now)
    until = now.replace(minute=0, second=0, microsecond=0)
    since = local_midnight(now - timedelta(days=days), settings.tz)
    with engine.connect() as connection:
        hours = town.hours(connection, since, until)
        values = {
            "days": days,
            "spans": SPANS,
            "gateways": views.gateways(connection, now.astimezone(UTC).date()),
            "silent_before": now - SILENT_GATEWAY,
            "today": queries.delivered(connection, now.astimezone(UTC).date()),
            "yesterday": queries.delivered(connection, now.astimezone(UTC).date() - timedelta(days=1)),
            "quarantine": views.quarantine_counts(connection),
            "alerts": alerts.count_unsettled(connection),
            "fleet_alarms": fleet_alarms.count_unsettled(connection),
            "heard": heard,
        }
    values["known"] = any(row.meters for row in hours)
    values["water"] = _water(hours, since, until, settings.tz)
    values["success"] = _success(hours, settings.tz)
    response = render(request, "overview.html", values, principal=principal)
    response.background = background
    return response


def _count_heard(app: FastAPI, engine: Engine, now: datetime) -> queries.Heard:
    """Count the meters heard and keep the count for the next look."""
    with engine.connect() as connection:
        heard = queries.heard(connection, now)
    app.state.heard = heard
    return heard


def _water(hours: Sequence[AnyRow], since: datetime, until: datetime, zone: ZoneInfo) -> str:
    known = {row.hour: (row.volume_ml, 1) for row in hours if row.meters}
    total_m3 = sum(volume_ml for volume_ml, _ in known.values()) / 1e6
    return bars_in_two_sizes(
        hourly_bars(known, since, until, per=1e6),
        timedelta(hours=1),
        name="water",
        title="Water used in town, by the hour",
        description=f"{number(total_m3, 1)} m³ in {len(known)} hours with data of {len(hours)}.",
        unit="m³/h",
        zone=zone,
    )


def _success(hours: Sequence[AnyRow], zone: ZoneInfo) -> str:
    """Return the share of meter hours that were heard, a local day."""
    sums: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
    for row in hours:
        start = local_midnight(row.hour, zone)
        sums[start][0] += row.heard
        sums[start][1] += row.installed
    bars = [Bar(start, 100 * min(1.0, heard / of) if of else None) for start, (heard, of) in sorted(sums.items())]
    shares = [bar.value for bar in bars if bar.value is not None]
    worst = f"Lowest day {number(min(shares), 1)} %." if shares else "Nothing is known yet."
    return bars_in_two_sizes(
        bars,
        timedelta(days=1),
        name="success",
        title="Read success: share of meter hours heard, by day",
        description=worst,
        unit="%",
        zone=zone,
        top=100.0,
        height=LOW,
    )
