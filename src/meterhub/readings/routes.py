"""REST for consumption and reads."""

from datetime import timedelta
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
from meterhub.readings.schemas import Consumption, NewManualRead, Read, Resolution

router = APIRouter(prefix="/api/v1/metering-points/{point_code}", tags=["readings"])

DEFAULT_SPAN = timedelta(days=30)


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
