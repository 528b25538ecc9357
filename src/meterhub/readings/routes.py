"""REST for consumption and reads."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.kit.paging import IdPage, Page, page_of
from meterhub.kit.units import ML_PER_M3
from meterhub.readings import repository, service
from meterhub.readings.schemas import Consumption, Gap, NewManualRead, Plausibility, Read, Resolution

router = APIRouter(prefix="/api/v1/metering-points/{point_code}", tags=["readings"])

town_router = APIRouter(prefix="/api/v1", tags=["readings"])

DEFAULT_SPAN = timedelta(days=30)
GAPS_SHOWN = 500


@router.get("/consumption")
def read_consumption(
    point_code: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.READ_CONSUMPTION)],
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: AwareDatetime | None = None,
    resolution: Resolution = Resolution.DAY,
) -> Consumption:
    """Return what a point used by hour, day or month; by default the last 30 days."""
    end = until or clock()
    with engine.begin() as connection:
        return service.read_consumption(
            connection,
            principal,
            point_code,
            since=since or end - DEFAULT_SPAN,
            until=end,
            resolution=resolution,
            zone=settings.zone,
        )


@router.get("/reads")
def list_reads(
    point_code: str,
    engine: EngineDep,
    clock: ClockDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_CONSUMPTION)],
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: AwareDatetime | None = None,
) -> Page[Read]:
    """List the register reads of a point in order of arrival."""
    end = until or clock()
    with engine.begin() as connection:
        point = service.find_point(connection, point_code)
        rows = repository.reads_of_point(
            connection,
            point,
            since or end - DEFAULT_SPAN,
            end,
            after_id=page.after or 0,
            limit=page.limit + 1,
        )
        audit.record(
            connection,
            principal,
            action="read-reads",
            purpose="customer-service",
            subject=f"point:{point_code}",
        )
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    items = [Read(**dict(row._mapping), volume_m3=Decimal(row.volume_ml) / ML_PER_M3) for row in shown]
    return Page(items=items, next_cursor=cursor)


@router.get("/gaps")
def list_gaps(
    point_code: str,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.READ_CONSUMPTION)],
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: AwareDatetime | None = None,
    least_hours: Annotated[int, Query(ge=1)] = 1,
) -> list[Gap]:
    """Return the spans of a point without hours or with estimated ones; by default of the last 30 days."""
    return _gaps(engine, clock, principal, point_code, since, until, least_hours)


@town_router.get("/gaps")
def list_gaps_of_town(
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.READ_CONSUMPTION)],
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: AwareDatetime | None = None,
    least_hours: Annotated[int, Query(ge=24)] = 24,
) -> list[Gap]:
    """Return the longest spans without hours or with estimated ones of all points."""
    return _gaps(engine, clock, principal, None, since, until, least_hours)


def _gaps(
    engine: EngineDep,
    clock: ClockDep,
    principal: Principal,
    point_code: str | None,
    since: datetime | None,
    until: datetime | None,
    least_hours: int,
) -> list[Gap]:
    end = until or clock()
    with engine.begin() as connection:
        return service.list_gaps(
            connection,
            principal,
            point_code=point_code,
            since=since or end - DEFAULT_SPAN,
            until=end,
            least_hours=least_hours,
            limit=GAPS_SHOWN,
        )


@router.post("/reads/preview")
def judge_read(
    point_code: str,
    body: NewManualRead,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.WRITE_POINTS)],
) -> Plausibility:
    """Say whether a read that a person took is plausible; stores nothing."""
    with engine.begin() as connection:
        _, judged = service.judge_read(connection, point_code, body, now=clock())
        audit.record(
            connection,
            principal,
            action="preview-read",
            purpose="customer-service",
            subject=f"point:{point_code}",
        )
    return judged


@router.post("/reads", status_code=201)
def take_read(
    point_code: str,
    body: NewManualRead,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.WRITE_POINTS)],
) -> Response:
    """Store a read that a person took: at installation, removal, on a visit, or by the customer."""
    with engine.begin() as connection:
        service.take_read(connection, principal, point_code, body, now=clock())
    return Response(status_code=201)
