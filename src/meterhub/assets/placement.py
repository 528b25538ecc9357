"""Putting meters at points and points under contracts; two at once are refused by name.

The database itself excludes overlaps (exclusion constraints); here they are turned into an answer that
says what is in the way.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets import account_repository, repository
from meterhub.assets import placement_repository as rows
from meterhub.assets.sealing import identity
from meterhub.assets.service import CUSTOMER_SERVICE, NETWORK, require_point
from meterhub.assets.tables import customer, meter, metering_point
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow


def install_meter(
    connection: Connection,
    principal: Principal,
    *,
    manufacturer: str,
    serial: str,
    point_code: str,
    installed_at: datetime,
) -> None:
    """Put a meter at a point from an instant on."""
    point = repository.find(connection, metering_point, {"point_code": point_code})
    if point is None:
        raise BadInput(f"there is no metering point {point_code!r}", fields={"point_code": "unknown"})
    _install(connection, manufacturer, serial, point.id, installed_at)
    _note(connection, principal, "install-meter", point_code, identity(manufacturer, serial))


def remove_meter(connection: Connection, principal: Principal, *, point_code: str, removed_at: datetime) -> None:
    """Take out the meter that is at a point."""
    point = require_point(connection, point_code)
    gone = _take_out(connection, point, removed_at, "removed_at")
    _note(connection, principal, "remove-meter", point_code, identity(gone.manufacturer, gone.serial))


def exchange_meter(
    connection: Connection,
    principal: Principal,
    *,
    point_code: str,
    manufacturer: str,
    serial: str,
    exchanged_at: datetime,
) -> None:
    """Put a meter in the place of the one at a point, at one instant."""
    point = require_point(connection, point_code)
    _take_out(connection, point, exchanged_at, "exchanged_at")
    _install(connection, manufacturer, serial, point.id, exchanged_at)
    _note(connection, principal, "exchange-meter", point_code, identity(manufacturer, serial))


def start_contract(
    connection: Connection,
    principal: Principal,
    *,
    contract_no: str,
    customer_no: str,
    point_code: str,
    start_on: date,
    billing_group: str,
) -> None:
    """Open a customer's contract on a point from a day on."""
    holder = repository.find(connection, customer, {"customer_no": customer_no})
    point = repository.find(connection, metering_point, {"point_code": point_code})
    if account_repository.find_group(connection, billing_group) is None:
        message = f"there is no billing group {billing_group!r}"
        raise BadInput(message, fields={"billing_group": message})
    missing = {"customer_no": holder, "point_code": point}
    unknown = {name: "unknown" for name, row in missing.items() if row is None}
    if holder is None or point is None:
        raise BadInput(f"there is no such {' and no such '.join(unknown)}", fields=unknown)
    if not rows.add_contract(
        connection,
        contract_no=contract_no,
        customer_id=holder.id,
        point_id=point.id,
        start_on=start_on,
        billing_group=billing_group,
    ):
        if rows.find_contract(connection, contract_no):
            raise Conflict(f"there is already a contract {contract_no!r}", fields={"contract_no": "taken"})
        blocking = rows.contracts_in_the_way(connection, point.id, start_on, None)
        raise Conflict(name_contracts(blocking), fields={"start_on": "meets another contract"})
    _note_contract(connection, principal, "start-contract", contract_no)


def end_contract(connection: Connection, principal: Principal, contract_no: str, end_on: date) -> None:
    """Let a contract cover the days before `end_on` only; an end given earlier may be moved."""
    row = rows.find_contract(connection, contract_no, lock=True)
    if row is None:
        raise NotFound(f"there is no contract {contract_no!r}")
    if end_on <= row.start_on:
        raise BadInput(
            f"contract {contract_no} starts on {row.start_on}: it cannot end on {end_on}",
            fields={"end_on": "not after the start"},
        )
    if end_on == row.end_on:
        return
    try:
        with connection.begin_nested():
            rows.close_contract(connection, row.id, end_on)
    except IntegrityError:
        blocking = rows.contracts_in_the_way(
            connection, row.metering_point_id, row.start_on, end_on, but_id=row.id
        )
        raise Conflict(name_contracts(blocking), fields={"end_on": "meets another contract"}) from None
    _note_contract(connection, principal, "end-contract", contract_no)


def _take_out(connection: Connection, point: AnyRow, at: datetime, field: str) -> AnyRow:
    here = rows.open_installation(connection, point.id)
    if here is None:
        raise Conflict(f"no meter is installed at metering point {point.point_code}")
    if at <= here.installed_at:
        raise BadInput(
            f"meter {here.manufacturer} {here.serial} was installed at {point.point_code} on "
            f"{here.installed_at.isoformat()}: it cannot leave before",
            fields={field: "not after the installation"},
        )
    rows.close_installation(connection, here.id, at)
    return here


def _install(connection: Connection, manufacturer: str, serial: str, point_id: int, at: datetime) -> None:
    found = repository.find(connection, meter, {"manufacturer": manufacturer, "serial": serial})
    if found is None:
        raise BadInput(
            f"there is no meter {manufacturer} {serial}: register it first", fields={"serial": "unknown"}
        )
    if rows.add_installation(connection, found.id, point_id, at):
        return
    raise Conflict(name_installations(rows.installations_in_the_way(connection, found.id, point_id, at, None)))


def name_installations(blocking: Sequence[AnyRow]) -> str:
    """Say which installations are in the way."""
    named = [
        f"meter {row.manufacturer} {row.serial} is at {row.point_code} "
        f"from {row.installed_at.isoformat()} until {_until(row.removed_at)}"
        for row in blocking
    ]
    return f"in the way: {'; '.join(named)}"


def name_contracts(blocking: Sequence[AnyRow]) -> str:
    """Say which contracts are in the way."""
    named = [
        f"contract {row.contract_no} on {row.point_code} from {row.start_on} until {_until(row.end_on)}"
        for row in blocking
    ]
    return f"in the way: {'; '.join(named)}"


def _until(end: date | None) -> str:
    return "further notice" if end is None else end.isoformat()


def _note(connection: Connection, principal: Principal, action: str, point_code: str, meter_name: str) -> None:
    record(
        connection,
        principal,
        action=action,
        purpose=NETWORK,
        subject=f"metering-point:{point_code}",
        detail={"meter": meter_name},
    )


def _note_contract(connection: Connection, principal: Principal, action: str, contract_no: str) -> None:
    record(connection, principal, action=action, purpose=CUSTOMER_SERVICE, subject=f"contract:{contract_no}")
