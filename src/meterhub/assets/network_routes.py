"""REST for what stands in the ground: properties, metering points and their meters."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets import placement, placement_repository, repository, service
from meterhub.assets.schemas import (
    Code,
    Exchange,
    Installation,
    NewInstallation,
    NewMeteringPoint,
    PointContract,
    PointDetails,
    PointSummary,
    Property,
    PropertyCode,
    PropertyValues,
    Removal,
    SearchPage,
)
from meterhub.errors import NotFound
from meterhub.kit.paging import Page, page_of

router = APIRouter(tags=["network"])

_READER = [require(Permission.READ_POINTS)]
Reader = Annotated[Principal, require(Permission.READ_POINTS)]
Writer = Annotated[Principal, require(Permission.WRITE_POINTS)]


@router.get("/properties", dependencies=_READER)
def list_properties(engine: EngineDep, page: Annotated[SearchPage, Query()]) -> Page[Property]:
    """List properties by code; search by the beginning of a code or a part of a street."""
    with engine.connect() as connection:
        rows = repository.list_properties(connection, search=page.search, after=page.cursor, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.property_code)
    return Page(items=[Property.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/properties", status_code=201)
def add_property(body: Property, engine: EngineDep, principal: Writer) -> Property:
    """Register a property under a new code."""
    with engine.begin() as connection:
        service.add_property(connection, principal, body.model_dump())
    return body


# codes of Norwegian properties have slashes in them, which the path lets through
@router.get("/properties/{property_code:path}", dependencies=_READER)
def get_property(property_code: PropertyCode, engine: EngineDep) -> Property:
    """Show a property."""
    with engine.connect() as connection:
        return Property.model_validate(service.require_property(connection, property_code))


@router.put("/properties/{property_code:path}")
def correct_property(
    property_code: PropertyCode, body: PropertyValues, engine: EngineDep, principal: Writer
) -> Property:
    """Give a property a new address, all of it; the log names the fields that changed."""
    values = body.model_dump()
    with engine.begin() as connection:
        service.correct_property(connection, principal, property_code, values)
    return Property(property_code=property_code, **values)


@router.get("/metering-points", dependencies=_READER)
def list_points(engine: EngineDep, page: Annotated[SearchPage, Query()]) -> Page[PointSummary]:
    """List metering points by code, each with the meter that is there now.

    Search by the beginning of a point's code or of a meter's serial, or by a part of the street.
    """
    with engine.connect() as connection:
        rows = repository.list_points(connection, search=page.search, after=page.cursor, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.point_code)
    return Page(items=[PointSummary.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/metering-points", status_code=201)
def add_point(body: NewMeteringPoint, engine: EngineDep, principal: Writer) -> PointDetails:
    """Register a metering point on a property."""
    with engine.begin() as connection:
        service.add_point(connection, principal, **body.model_dump())
        return _point(connection, principal, body.point_code)


@router.get("/metering-points/{point_code}")
def get_point(point_code: Code, engine: EngineDep, principal: Reader) -> PointDetails:
    """Show a metering point with all its meters and contracts.

    Customers are named to those who may see customers, and this is logged.
    """
    with engine.begin() as connection:
        found = _point(connection, principal, point_code)
        if found.contracts and principal.may(Permission.READ_CUSTOMERS):
            record(
                connection,
                principal,
                action="view-metering-point",
                purpose=service.CUSTOMER_SERVICE,
                subject=f"metering-point:{point_code}",
            )
    return found


@router.post("/installations", status_code=201)
def install_meter(body: NewInstallation, engine: EngineDep, principal: Writer) -> Installation:
    """Put a registered meter at a point that has none from that instant on."""
    with engine.begin() as connection:
        placement.install_meter(connection, principal, **body.model_dump())
        return _newest_installation(connection, body.point_code)


@router.post("/metering-points/{point_code}/removal")
def remove_meter(point_code: Code, body: Removal, engine: EngineDep, principal: Writer) -> Installation:
    """Take out the meter that is at a point."""
    with engine.begin() as connection:
        placement.remove_meter(connection, principal, point_code=point_code, removed_at=body.removed_at)
        return _newest_installation(connection, point_code)


@router.post("/metering-points/{point_code}/exchange", status_code=201)
def exchange_meter(point_code: Code, body: Exchange, engine: EngineDep, principal: Writer) -> Installation:
    """Put a registered meter in the place of the one at a point, at one instant."""
    with engine.begin() as connection:
        placement.exchange_meter(connection, principal, point_code=point_code, **body.model_dump())
        return _newest_installation(connection, point_code)


def _newest_installation(connection: Connection, point_code: str) -> Installation:
    point = service.require_point(connection, point_code)
    return Installation.model_validate(placement_repository.installations_at(connection, point.id)[0])


def _point(connection: Connection, principal: Principal, point_code: str) -> PointDetails:
    row = repository.find_point(connection, point_code)
    if row is None:
        raise NotFound(f"there is no metering point {point_code!r}", fields={"point_code": "unknown"})
    contracts = [
        PointContract.model_validate(found) for found in placement_repository.contracts_at(connection, row.id)
    ]
    if not principal.may(Permission.READ_CUSTOMERS):
        hidden: dict[str, None] = {"customer_no": None, "customer_name": None}
        contracts = [contract.model_copy(update=hidden) for contract in contracts]
    installations = placement_repository.installations_at(connection, row.id)
    return PointDetails(
        **PointSummary.model_validate(row).model_dump(),
        installations=[Installation.model_validate(found) for found in installations],
        contracts=contracts,
    )
