"""REST for the registers: customers, contracts, properties, metering points, meters, import."""

from typing import Annotated

from fastapi import APIRouter, Request

from meterhub.access.dependencies import EngineDep, SettingsDep, check, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets import account_routes, customer_routes, meter_routes, network_routes
from meterhub.assets.import_schemas import ImportResult, RegistersImport
from meterhub.assets.importing import import_registers

router = APIRouter(prefix="/api/v1")
router.include_router(customer_routes.router)
router.include_router(account_routes.router)
router.include_router(network_routes.router)
router.include_router(meter_routes.router)


@router.post("/import/registers", tags=["import"], dependencies=[require(Permission.WRITE_POINTS)])
def import_document(
    request: Request,
    body: RegistersImport,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, require(Permission.WRITE_CUSTOMERS)],
) -> ImportResult:
    """Store registers from one document, all or nothing; the same again changes nothing.

    Faults come back by section, index and field. Keys need the permission to write keys as well.
    """
    if any(meter.key for meter in body.meters):
        check(engine, principal, Permission.WRITE_KEYS, request.url.path)
    with engine.begin() as connection:
        return import_registers(connection, principal, settings, body)
