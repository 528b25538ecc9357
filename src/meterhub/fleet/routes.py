"""REST for gateways (enrolment, reports, tokens) and for those who look after them."""

from datetime import UTC, date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from meterhub.access import repository as access
from meterhub.access.dependencies import ClockDep, EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.access.schemas import Name
from meterhub.assets.service import require_meter
from meterhub.errors import NotFound
from meterhub.fleet import alarms, coverage_views, enrolment, reports, repository
from meterhub.fleet.schemas import (
    Acknowledgement,
    Alarm,
    Dark,
    Enrolled,
    Enrolment,
    EnrolmentCode,
    FleetGateway,
    Gap,
    GatewayCoverage,
    GatewaySettings,
    Hour,
    MeterList,
    NewCode,
    NewToken,
    Orders,
    Reception,
    Report,
)
from meterhub.kit.paging import MAX_LIMIT, IdPage, Page, page_of

router = APIRouter(prefix="/api/v1", tags=["fleet"])

Manager = Annotated[Principal, require(Permission.MANAGE_GATEWAYS)]
Reader = Annotated[Principal, require(Permission.READ_GATEWAYS)]
Gateway = Annotated[Principal, require(Permission.SEND_TELEGRAMS)]
PointReader = Annotated[Principal, require(Permission.READ_POINTS)]
Days = Annotated[int, Query(ge=1, le=31)]
AfterCode = Annotated[str | None, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.post("/gateway/enrolment", status_code=201)
def enrol(body: Enrolment, request: Request, engine: EngineDep, clock: ClockDep) -> Enrolled:
    """Exchange a one-time code for a token; no token is needed for this."""
    caller = request.client.host if request.client else "unknown"
    name, token = enrolment.enrol(engine, body.code, caller=caller, now=clock())
    return Enrolled(gateway=name, token=token)


@router.post("/gateway/report")
def report(body: Report, engine: EngineDep, clock: ClockDep, principal: Gateway) -> Orders:
    """Take what a gateway says about itself; answer what it shall do."""
    taken_at = clock()
    with engine.begin() as connection:
        return reports.take_report(connection, principal, body, taken_at=taken_at, now=clock())


@router.post("/gateway/token", status_code=201)
def rotate_token(engine: EngineDep, principal: Gateway) -> NewToken:
    """Give the calling gateway a further token; the present one ends when that one is used first."""
    with engine.begin() as connection:
        return NewToken(token=enrolment.rotate(connection, principal))


@router.get("/gateway/meters")
def listed_meters(engine: EngineDep, principal: Gateway) -> MeterList:
    """List the registered meters, for gateways that drop all others."""
    with engine.connect() as connection:
        return reports.meter_list(connection)


@router.post("/gateways/{name}/enrolment-code", status_code=201)
def create_code(
    name: Name, body: NewCode, engine: EngineDep, clock: ClockDep, principal: Manager
) -> EnrolmentCode:
    """Give out a one-time code for a new gateway, or for a new computer in the place of an old one."""
    with engine.begin() as connection:
        return enrolment.create_code(connection, principal, name, place=body.place, now=clock())


@router.post("/gateways/{name}/rotation", status_code=202)
def ask_to_rotate(name: Name, engine: EngineDep, clock: ClockDep, principal: Manager) -> Response:
    """Have a gateway fetch a new token with its next report; nothing is interrupted."""
    with engine.begin() as connection:
        enrolment.ask_to_rotate(connection, principal, name, clock())
    return Response(status_code=202)


@router.put("/gateways/{name}/settings", status_code=204)
def change_settings(
    name: Name, body: GatewaySettings, engine: EngineDep, clock: ClockDep, principal: Manager
) -> Response:
    """Say which frames a gateway shall keep and send."""
    with engine.begin() as connection:
        reports.change_settings(connection, principal, name, body, clock())
    return Response(status_code=204)


@router.get("/fleet")
def list_fleet(engine: EngineDep, clock: ClockDep, principal: Reader) -> list[FleetGateway]:
    """List gateways with their state."""
    with engine.connect() as connection:
        rows = repository.fleet(connection, clock())
    return [FleetGateway.model_validate(row._mapping) for row in rows]


@router.get("/fleet/{name}/hours")
def list_hours(
    name: Name,
    engine: EngineDep,
    clock: ClockDep,
    principal: Reader,
    days: Annotated[int, Query(ge=1, le=400)] = 2,
) -> list[Hour]:
    """List a gateway's last hours."""
    with engine.connect() as connection:
        row = access.find_gateway(connection, name)
        if row is None:
            raise NotFound(f"there is no gateway {name!r}")
        rows = repository.hours_of(connection, [row.id], clock() - timedelta(days=days))
    return [Hour.model_validate(row._mapping) for row in rows]


@router.get("/fleet/alarms")
def list_alarms(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Reader,
    gateway: str | None = None,
    kind: str | None = None,
    closed_too: bool = False,
) -> Page[Alarm]:
    """List alarms about gateways and reception, newest first; without `closed_too` those that still hold."""
    with engine.connect() as connection:
        rows = alarms.list_alarms(
            connection,
            closed_too=closed_too,
            gateway=gateway,
            kind=kind,
            before_id=page.after,
            limit=page.limit + 1,
        )
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[Alarm.model_validate(row._mapping) for row in shown], next_cursor=cursor)


@router.post("/fleet/alarms/{alarm_id}/acknowledge", status_code=204)
def acknowledge(
    alarm_id: int,
    body: Acknowledgement,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.HANDLE_ALERTS)],
) -> Response:
    """Say that somebody looks after an alarm."""
    with engine.begin() as connection:
        alarms.acknowledge(connection, principal, alarm_id, note=body.note, now=clock())
    return Response(status_code=204)


@router.get("/coverage/gateways")
def coverage_by_gateway(
    engine: EngineDep, clock: ClockDep, principal: Reader, until: date | None = None, days: Days = 7
) -> list[GatewayCoverage]:
    """Say for each gateway how well it hears its meters, and how many would be lost without it."""
    with engine.connect() as connection:
        return coverage_views.by_gateway(connection, until or clock().astimezone(UTC).date(), days)


@router.get("/coverage/gaps")
def coverage_gaps(
    engine: EngineDep,
    clock: ClockDep,
    principal: PointReader,
    until: date | None = None,
    days: Days = 7,
    cursor: AfterCode = None,
    limit: Limit = 100,
) -> Page[Gap]:
    """List installed meters that no gateway hears well."""
    now = clock()
    with engine.connect() as connection:
        rows = coverage_views.gaps(
            connection, until or now.astimezone(UTC).date(), days, now=now, after=cursor, limit=limit + 1
        )
    shown, following = page_of(rows, limit, lambda row: row.point_code)
    return Page(items=list(shown), next_cursor=following)


@router.get("/coverage/fragile")
def coverage_fragile(
    engine: EngineDep,
    clock: ClockDep,
    principal: PointReader,
    until: date | None = None,
    days: Days = 7,
    gateway: str | None = None,
    cursor: AfterCode = None,
    limit: Limit = 100,
) -> Page[Gap]:
    """List installed meters that a single gateway hears well enough; with `gateway` what is lost without it."""
    now = clock()
    with engine.connect() as connection:
        rows = coverage_views.fragile(
            connection,
            until or now.astimezone(UTC).date(),
            days,
            now=now,
            after=cursor,
            limit=limit + 1,
            gateway=gateway,
        )
    shown, following = page_of(rows, limit, lambda row: row.point_code)
    return Page(items=list(shown), next_cursor=following)


@router.get("/coverage/streets")
def coverage_streets(
    engine: EngineDep, clock: ClockDep, principal: PointReader, until: date | None = None, days: Days = 7
) -> list[Dark]:
    """List the streets with most meters that are heard badly or not at all."""
    now = clock()
    with engine.connect() as connection:
        return coverage_views.dark_streets(connection, until or now.astimezone(UTC).date(), days, now=now)


@router.get("/coverage/meters/{manufacturer}/{serial}")
def coverage_of_meter(
    manufacturer: str, serial: str, engine: EngineDep, clock: ClockDep, principal: PointReader, days: Days = 31
) -> list[Reception]:
    """Say by day which gateways heard a meter how well."""
    with engine.connect() as connection:
        meter = require_meter(connection, manufacturer, serial)
        return coverage_views.of_meter(
            connection, meter.id, clock().astimezone(UTC).date() - timedelta(days=days - 1)
        )
