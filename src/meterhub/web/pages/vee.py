"""Reading quality: the queue of findings by rule, one finding, edits with their preview, undo."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.kit.charts import Bar, Size, bar_chart
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.kit.units import volume_ml
from meterhub.readings import editing
from meterhub.readings.service import find_point
from meterhub.settings import Settings
from meterhub.vee import affected, repository, service
from meterhub.vee.rules import by_name
from meterhub.web.page_route import page_router, see_other
from meterhub.web.pictures import KINDS, bars_in_two_sizes, hourly_bars
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

A_RULE = 6
ALL = 50
READS_SHOWN = 60
EDITS_SHOWN = 100
SMALL, MIDDLE = Size(340, 120), Size(540, 160)
LITRES_UP_TO_ML = 10_000_000
AROUND = timedelta(hours=18)
LONGEST = timedelta(days=14)

Reader = Annotated[Principal, page(Permission.READ_CONSUMPTION)]
Editor = Annotated[Principal, page(Permission.EDIT_READS)]
Reason = Annotated[str, Form(max_length=service.LONGEST_REASON)]
Volume = Annotated[Decimal | None, Query(ge=0, max_digits=18, decimal_places=6)]


@router.get("/findings")
def show_queue(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Reader,
    rule: Annotated[str, Query(max_length=60)] = "",
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show what is open, by rule, the gravest first; with `rule` all of one."""
    with engine.begin() as connection:
        counts = repository.count_open(connection)
        names = [name for name in by_name() if name in counts and rule in ("", name)]
        groups = []
        for name in sorted(names, key=_gravest_first):
            rows = repository.list_findings(
                connection, state="open", rule=name, before_id=before, limit=ALL if rule else A_RULE
            )
            pictures = [_picture(connection, row, settings, small=True) for row in rows]
            groups.append((by_name()[name], counts[name], list(zip(rows, pictures, strict=True))))
        audit.record(connection, principal, action="list-findings", purpose=service.PURPOSE)
    last = groups[0][2][-1][0].id if rule and groups and len(groups[0][2]) == ALL else None
    values = {"groups": groups, "rule": rule, "cursor": last}
    return render(request, "findings.html", values, principal=principal)


@router.get("/findings/{finding_id}")
def show_finding(
    request: Request, finding_id: int, engine: EngineDep, settings: SettingsDep, principal: Reader
) -> Response:
    """Show a finding with the reads and hours around it."""
    with engine.begin() as connection:
        row = service.read_finding(connection, principal, finding_id)
        values = {
            "finding": row,
            "rule": by_name()[row.rule],
            "events": repository.events_of(connection, finding_id),
            "reads": _reads_shown(repository.reads_around(connection, row.meter_id, row.started_at), row),
            "picture": _picture(connection, row, settings, small=False),
        }
    return render(request, "finding.html", values, principal=principal)


@router.post("/findings/{finding_id}/accept", dependencies=[Depends(own_form)])
def accept(
    finding_id: int, engine: EngineDep, clock: ClockDep, principal: Editor, reason: Reason = ""
) -> Response:
    """Say that it is so."""
    with engine.begin() as connection:
        service.settle(connection, principal, finding_id, "accepted", reason=reason, now=clock())
    return see_other("/findings")


@router.post("/findings/{finding_id}/dismiss", dependencies=[Depends(own_form)])
def dismiss(
    finding_id: int, engine: EngineDep, clock: ClockDep, principal: Editor, reason: Reason = ""
) -> Response:
    """Say that it is nothing."""
    with engine.begin() as connection:
        service.settle(connection, principal, finding_id, "dismissed", reason=reason, now=clock())
    return see_other("/findings")


@router.get("/reads/{read_id}/edit")
def show_edit(
    request: Request,
    read_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Editor,
    volume_m3: Volume = None,
    finding_id: int | None = None,
) -> Response:
    """Show what changes when a read is set aside, or gets the register that is given."""
    corrected = None if volume_m3 is None else volume_ml(volume_m3)
    with engine.begin() as connection:
        seen = service.preview_read_edit(connection, read_id, corrected)
        audit.record(
            connection, principal, action="preview-edit", purpose=service.PURPOSE, subject=f"read:{read_id}"
        )
    values = {
        "seen": seen,
        "volume_m3": volume_m3,
        "finding_id": finding_id,
        "next_step": affected.NEXT_STEP,
        "pictures": _before_and_after(seen, settings),
    }
    return render(request, "read_edit.html", values, principal=principal)


@router.post("/reads/{read_id}/edit", dependencies=[Depends(own_form)])
def edit(
    read_id: int,
    engine: EngineDep,
    clock: ClockDep,
    principal: Editor,
    reason: Reason = "",
    volume_m3: Annotated[str, Form(max_length=20, pattern=r"^([0-9]{1,9}(\.[0-9]{1,6})?)?$")] = "",
    finding_id: Annotated[str, Form(max_length=9, pattern=r"^[0-9]*$")] = "",
) -> Response:
    """Set a read aside or correct it."""
    with engine.begin() as connection:
        service.edit_read(
            connection,
            principal,
            read_id,
            corrected_ml=volume_ml(Decimal(volume_m3)) if volume_m3 else None,
            reason=reason,
            finding_id=int(finding_id) if finding_id else None,
            now=clock(),
        )
        read = editing.find_read(connection, read_id)
        code = repository.point_code_at(connection, read.meter_id, read.at)
    return see_other(f"/points/{code}/edits" if code else "/findings")


@router.get("/points/{point_code}/edits")
def show_edits(
    request: Request, point_code: str, engine: EngineDep, clock: ClockDep, principal: Reader
) -> Response:
    """Show the newest reads of a point, and what people changed there."""
    with engine.begin() as connection:
        point = find_point(connection, point_code)
        values = {
            "point_code": point_code,
            "reads": repository.newest_reads(connection, point, clock(), READS_SHOWN),
            "edits": repository.edits_of_point(connection, point, EDITS_SHOWN),
        }
        audit.record(
            connection, principal, action="list-edits", purpose=service.PURPOSE, subject=f"point:{point_code}"
        )
    return render(request, "point_edits.html", values, principal=principal)


@router.post("/points/{point_code}/edits/{kind}/{edit_id}/undo", dependencies=[Depends(own_form)])
def undo(
    point_code: str,
    kind: str,
    edit_id: int,
    engine: EngineDep,
    clock: ClockDep,
    principal: Editor,
    reason: Reason = "",
) -> Response:
    """Take an edit back."""
    with engine.begin() as connection:
        if kind == "hours":
            service.undo_hour_edit(connection, principal, edit_id, reason=reason)
        else:
            service.undo_read_edit(connection, principal, edit_id, reason=reason, now=clock())
    return see_other(f"/points/{point_code}/edits")


@router.post("/points/{point_code}/edits/hours", dependencies=[Depends(own_form)])
def edit_hours(
    point_code: str,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Editor,
    first_at: Annotated[datetime, Form()],
    hours: Annotated[int, Form(ge=1, le=service.LONGEST_EDIT_HOURS)],
    volume_m3: Annotated[Decimal, Form(max_digits=12, decimal_places=6)],
    reason: Reason = "",
) -> Response:
    """Share a volume out evenly over hours in a row; the form's time is local."""
    start = first_at.replace(tzinfo=settings.tz).astimezone(UTC)
    total = volume_ml(volume_m3)
    volumes = [total * (n + 1) // hours - total * n // hours for n in range(hours)]
    with engine.begin() as connection:
        service.edit_hours(connection, principal, point_code, start, volumes, reason=reason)
    return see_other(f"/points/{point_code}/edits")


def _gravest_first(name: str) -> tuple[int, int]:
    rule = by_name()[name]
    return ("high", "medium", "low").index(rule.severity), rule.number


def _picture(connection: Connection, row: AnyRow, settings: Settings, *, small: bool) -> str:
    """Return the hours around a finding, with those marked that it touches."""
    since = floor_hour(row.started_at) - AROUND
    until = min(floor_hour(row.ended_at) + AROUND, since + LONGEST)
    volumes = {
        hour.hour: (hour.volume_ml, hour.quality)
        for hour in repository.hours_of_meter(connection, row.meter_id, since, until)
    }
    start = floor_hour(row.started_at)
    # a read moves the hour before it as well as its own
    marks = [(start, row.ended_at) if row.ended_at > start + HOUR else (start - HOUR, start + HOUR)]
    per, unit = _scale(volume for volume, _ in volumes.values())
    bars = hourly_bars(volumes, since, until, per=per)
    title, about = "Water by the hour around the finding", "The time of the finding is shaded."
    name = f"finding-{row.id}"
    if small:
        return bar_chart(
            bars,
            HOUR,
            name=name,
            title=title,
            description=about,
            unit=unit,
            zone=settings.tz,
            size=SMALL,
            marks=marks,
        )
    return bars_in_two_sizes(
        bars, HOUR, name=name, title=title, description=about, unit=unit, zone=settings.tz, marks=marks
    )


def _scale(volumes: Iterable[int]) -> tuple[float, str]:
    """Return by what to divide millilitres so that the numbers at an axis stay short, and the unit."""
    return (1e6, "m³/h") if max(volumes, default=0) >= LITRES_UP_TO_ML else (1000, "L/h")


def _before_and_after(seen: service.Preview, settings: Settings) -> list[tuple[str, str]]:
    if not seen.hours:
        return []
    pictures = []
    for label, values in (
        ("Before", [(one.hour, one.before_ml) for one in seen.hours]),
        ("After", [(one.hour, one.after_ml) for one in seen.hours]),
    ):
        per, unit = _scale(volume for _, volume in values if volume is not None)
        bars = [Bar(hour, None if volume is None else volume / per, KINDS[1]) for hour, volume in values]
        picture = bar_chart(
            bars,
            HOUR,
            name=f"preview-{label.lower()}",
            title=f"{label} the edit, by the hour",
            description=f"{len(bars)} hours change.",
            unit=unit,
            zone=settings.tz,
            size=MIDDLE,
        )
        pictures.append((label, picture))
    return pictures


def _reads_shown(rows: Sequence[AnyRow], finding: AnyRow) -> list[tuple[AnyRow, bool]]:
    """Return the reads near a finding, and whether each is what it is about."""
    named = finding.evidence.get("read")
    near = [row for row in rows if abs(row.at - finding.started_at) <= AROUND]
    return [
        (row, row.id == named or (named is None and finding.started_at <= row.at <= finding.ended_at))
        for row in near[:READS_SHOWN]
    ]
