"""One meter's life: where it hung, what it used and reported, who hears it, its keys and reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets.keys import KeptKey, key_history
from meterhub.assets.schemas import Manufacturer, Serial
from meterhub.assets.sealing import identity
from meterhub.assets.service import require_meter
from meterhub.ingest.key_status import key_status_of
from meterhub.kit.charts import Bar
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.kit.lanes import Lane, Span, lanes_chart
from meterhub.settings import Settings
from meterhub.web import meter_queries
from meterhub.web.page_route import page_router
from meterhub.web.pictures import LOW, NARROW, WIDE, bars_in_two_sizes, hourly_bars, local_midnight
from meterhub.web.render import number, plain_words, render
from meterhub.web.security import page

router = page_router()

SPANS = (14, 35, 90)
READS_SHOWN = 20


@router.get("/meters/{manufacturer}/{serial}")
def show(
    request: Request,
    manufacturer: Manufacturer,
    serial: Serial,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_CONSUMPTION)],
    days: int = SPANS[1],
) -> Response:
    """Show everything that is known about a meter; each look is logged."""
    days = days if days in SPANS else SPANS[1]
    until = floor_hour(clock()) + HOUR
    since = local_midnight(until - timedelta(days=days), settings.tz)
    with engine.begin() as connection:
        meter = require_meter(connection, manufacturer, serial)
        sees_keys = principal.may(Permission.READ_KEY_STATUS)
        keys = key_history(connection, meter.id) if sees_keys else []
        installed = meter_queries.installations(connection, meter.id)
        hours = meter_queries.hours(connection, meter.id, since, until)
        by_day = meter_queries.reads_by_day(connection, meter.id, since, until, settings.zone)
        alarms = meter_queries.alarms(connection, meter.id, since, until)
        heard = meter_queries.hearing(connection, meter.id, since)
        values = {
            "meter": meter,
            "days": days,
            "spans": SPANS,
            "installed": installed,
            "alarms": alarms,
            "heard": heard,
            "reads": meter_queries.newest_reads(connection, meter.id, READS_SHOWN),
            "status": key_status_of(connection, meter.id),
            "keys": keys,
        }
        name = identity(meter.manufacturer, meter.serial)
        audit.record(connection, principal, action="read-meter", purpose="operations", subject=f"meter:{name}")
    lanes = _lanes(installed, alarms, heard, keys, since, until)
    values["life"] = _life(lanes, since, until, settings)
    values["hours"] = _hours(hours, since, until, settings)
    values["by_day"] = _reads_by_day(by_day, since, until, settings)
    return render(request, "meter.html", values, principal=principal)


def _lanes(
    installed: Sequence[AnyRow],
    alarms: Sequence[AnyRow],
    heard: Sequence[AnyRow],
    keys: Sequence[KeptKey],
    since: datetime,
    until: datetime,
) -> list[Lane]:
    """Return where it hung, with which key, who heard it and what it reported, each as a line."""
    lanes = [
        Lane(row.point_code, [Span(row.since or since, row.until or until, "measured", f"at {row.point_code}")])
        for row in installed
        if (row.until or until) > since and (row.since or since) < until
    ]
    ends = [until, *(key.since_at for key in keys)]
    spans = [
        Span(key.since_at, end, "interpolated", f"key since {key.since_at:%Y-%m-%d}")
        for key, end in zip(keys, ends, strict=False)
        if end > since and key.since_at < until
    ]
    if spans:
        lanes.append(Lane("Key", spans))
    lanes += [
        Lane(row.name, [Span(row.first_at, row.last_at, "interpolated", f"{row.frames} telegrams by {row.name}")])
        for row in heard
    ]
    lanes += [
        Lane(plain_words(row.alarm), [Span(row.first_at, row.last_at, "alarm", f"{row.reads} reads")])
        for row in alarms
    ]
    return lanes


def _life(lanes: Sequence[Lane], since: datetime, until: datetime, settings: Settings) -> str:
    drawn = [
        lanes_chart(
            lanes,
            since,
            until,
            name=f"life-{kind}",
            title="Where it was, its key, who heard it, what it reported",
            description="; ".join(f"{lane.label}: {span.said}" for lane in lanes for span in lane.spans),
            zone=settings.tz,
            width=width,
        )
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    return f'<div class="wide">{drawn[0]}</div><div class="narrow">{drawn[1]}</div>'


def _hours(hours: Sequence[AnyRow], since: datetime, until: datetime, settings: Settings) -> str:
    volumes = {row.hour: (row.volume_ml, row.quality) for row in hours}
    total_m3 = sum(row.volume_ml for row in hours) / 1e6
    return bars_in_two_sizes(
        hourly_bars(volumes, since, until, per=1000),
        HOUR,
        name="hours",
        title="Water by the hour",
        description=f"{number(total_m3, 3)} m³ in {len(hours)} hours with data.",
        unit="L/h",
        zone=settings.tz,
    )


def _reads_by_day(by_day: Sequence[AnyRow], since: datetime, until: datetime, settings: Settings) -> str:
    counts = {row.day: row.reads for row in by_day}
    days, day = [], since
    while day < until:
        days.append(day)
        day = local_midnight(day + timedelta(hours=30), settings.tz)
    return bars_in_two_sizes(
        [Bar(day, float(counts.get(day, 0))) for day in days],
        timedelta(days=1),
        name="reads",
        title="Reads a day",
        description=f"{sum(counts.values())} reads in {len(days)} days.",
        unit="reads",
        zone=settings.tz,
        height=LOW,
    )
