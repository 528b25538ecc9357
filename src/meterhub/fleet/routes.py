"""REST for gateways (enrolment, reports, tokens) and for those who look after them."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from meterhub.access import repository as access
from meterhub.access.dependencies import ClockDep, EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.access.schemas import Name
from meterhub.errors import NotFound
from meterhub.fleet import enrolment, reports, repository
from meterhub.fleet.schemas import (
    Enrolled,
    Enrolment,
    EnrolmentCode,
    FleetGateway,
    GatewaySettings,
    Hour,
    MeterList,
    NewCode,
    NewToken,
    Orders,
    Report,
)

router = APIRouter(prefix="/api/v1", tags=["fleet"])

Manager = Annotated[Principal, require(Permission.MANAGE_GATEWAYS)]
Reader = Annotated[Principal, require(Permission.READ_GATEWAYS)]
Gateway = Annotated[Principal, require(Permission.SEND_TELEGRAMS)]


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
