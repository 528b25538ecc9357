"""REST for meters and their keys; a key goes in and never comes out."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from meterhub.access.dependencies import EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets import placement_repository, repository, service
from meterhub.assets.keys import add_key
from meterhub.assets.schemas import (
    KeyStatus,
    KeyUpload,
    Manufacturer,
    Meter,
    MeterDetails,
    MeterSearchPage,
    MeterValues,
    Serial,
)
from meterhub.assets.sealing import identity
from meterhub.kit.paging import Page, page_of

router = APIRouter(prefix="/meters", tags=["meters"])

_READER = [require(Permission.READ_POINTS)]
_KEY_CUSTODIAN = [require(Permission.WRITE_KEYS)]
Writer = Annotated[Principal, require(Permission.WRITE_POINTS)]
KeyCustodian = Annotated[Principal, require(Permission.WRITE_KEYS)]


@router.get("", dependencies=_READER)
def list_meters(engine: EngineDep, page: Annotated[MeterSearchPage, Query()]) -> Page[Meter]:
    """List meters by manufacturer and serial; search by the beginning of a serial."""
    after = None
    if page.cursor:
        manufacturer, serial = page.cursor.split(":")
        after = (manufacturer, serial)
    with engine.connect() as connection:
        rows = repository.list_meters(connection, search=page.search, after=after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: identity(row.manufacturer, row.serial))
    return Page(items=[Meter.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("", status_code=201)
def register_meter(body: Meter, engine: EngineDep, principal: Writer) -> MeterDetails:
    """Register a meter; telegrams of it that wait in quarantine are tried again."""
    with engine.begin() as connection:
        service.register_meter(connection, principal, body.model_dump())
        return _details(connection, body.manufacturer, body.serial)


@router.get("/{manufacturer}/{serial}", dependencies=_READER)
def get_meter(manufacturer: Manufacturer, serial: Serial, engine: EngineDep) -> MeterDetails:
    """Show a meter, where it is, and whether keys of it are kept."""
    with engine.connect() as connection:
        return _details(connection, manufacturer, serial)


@router.put("/{manufacturer}/{serial}")
def correct_meter(
    manufacturer: Manufacturer, serial: Serial, body: MeterValues, engine: EngineDep, principal: Writer
) -> MeterDetails:
    """Correct what kind of meter it is, all of it; the log names the fields that changed."""
    with engine.begin() as connection:
        service.correct_meter(connection, principal, manufacturer, serial, body.model_dump())
        return _details(connection, manufacturer, serial)


@router.put("/{manufacturer}/{serial}/key", status_code=204)
def put_key(
    manufacturer: Manufacturer,
    serial: Serial,
    body: KeyUpload,
    engine: EngineDep,
    settings: SettingsDep,
    principal: KeyCustodian,
) -> Response:
    """Keep a key as the meter's newest; older ones stay for older telegrams.

    Telegrams that wait in quarantine for it are tried again.
    """
    with engine.begin() as connection:
        meter = service.require_meter(connection, manufacturer, serial)
        add_key(connection, principal, settings, meter.id, body.key.get_secret_value())
    return Response(status_code=204)


@router.get("/{manufacturer}/{serial}/key", dependencies=_KEY_CUSTODIAN)
def key_status(manufacturer: Manufacturer, serial: Serial, engine: EngineDep) -> KeyStatus:
    """Say how many keys of a meter are kept and since when; the keys are not shown."""
    with engine.connect() as connection:
        meter = service.require_meter(connection, manufacturer, serial)
        return KeyStatus.model_validate(repository.keys_kept(connection, meter.id))


def _details(connection: Connection, manufacturer: str, serial: str) -> MeterDetails:
    row = service.require_meter(connection, manufacturer, serial)
    here = placement_repository.installation_of(connection, row.id)
    return MeterDetails(
        **Meter.model_validate(row).model_dump(),
        point_code=here.point_code if here else None,
        key_count=repository.keys_kept(connection, row.id).key_count,
    )
