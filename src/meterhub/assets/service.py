"""Keeping the registers of customers, properties, metering points and meters; every change is on record."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Table

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets import repository
from meterhub.assets.retry import retry_telegrams_of
from meterhub.assets.sealing import identity
from meterhub.assets.tables import customer, meter, metering_point, property_
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow

CUSTOMER_SERVICE = "customer-service"
NETWORK = "network-register"


def require_customer(connection: Connection, customer_no: str) -> AnyRow:
    """Return a customer or say that there is none."""
    return _required(connection, customer, {"customer_no": customer_no}, f"no customer {customer_no!r}")


def require_property(connection: Connection, property_code: str) -> AnyRow:
    """Return a property or say that there is none."""
    return _required(connection, property_, {"property_code": property_code}, f"no property {property_code!r}")


def require_point(connection: Connection, point_code: str) -> AnyRow:
    """Return a metering point or say that there is none."""
    return _required(connection, metering_point, {"point_code": point_code}, f"no metering point {point_code!r}")


def require_meter(connection: Connection, manufacturer: str, serial: str) -> AnyRow:
    """Return a meter or say that there is none."""
    key = {"manufacturer": manufacturer, "serial": serial}
    return _required(connection, meter, key, f"no meter {manufacturer} {serial}")


def _required(
    connection: Connection, table: Table, key: Mapping[str, str], missing: str, *, lock: bool = False
) -> AnyRow:
    row = repository.find(connection, table, key, lock=lock)
    if row is None:
        raise NotFound(f"there is {missing}", fields=dict.fromkeys(key, "unknown"))
    return row


def add_customer(connection: Connection, principal: Principal, values: Mapping[str, object]) -> None:
    """Open a customer under a new number."""
    if repository.add(connection, customer, values) is None:
        raise Conflict(f"there is already a customer {values['customer_no']!r}", fields={"customer_no": "taken"})
    _note(connection, principal, "add-customer", CUSTOMER_SERVICE, f"customer:{values['customer_no']}", values)


def correct_customer(
    connection: Connection, principal: Principal, customer_no: str, values: Mapping[str, object]
) -> None:
    """Give a customer new values; the log names the fields that changed."""
    row = _required(connection, customer, {"customer_no": customer_no}, f"no customer {customer_no!r}", lock=True)
    changed = _changes(row, values)
    if changed:
        repository.change(connection, customer, row.id, changed)
        _note(connection, principal, "correct-customer", CUSTOMER_SERVICE, f"customer:{customer_no}", changed)


def add_property(connection: Connection, principal: Principal, values: Mapping[str, object]) -> None:
    """Register a property under a new code."""
    if repository.add(connection, property_, values) is None:
        raise Conflict(
            f"there is already a property {values['property_code']!r}", fields={"property_code": "taken"}
        )
    _note(connection, principal, "add-property", NETWORK, f"property:{values['property_code']}", values)


def correct_property(
    connection: Connection, principal: Principal, property_code: str, values: Mapping[str, object]
) -> None:
    """Give a property a new address."""
    key = {"property_code": property_code}
    row = _required(connection, property_, key, f"no property {property_code!r}", lock=True)
    changed = _changes(row, values)
    if changed:
        repository.change(connection, property_, row.id, changed)
        _note(connection, principal, "correct-property", NETWORK, f"property:{property_code}", changed)


def add_point(
    connection: Connection,
    principal: Principal,
    *,
    point_code: str,
    property_code: str,
    services: Iterable[str],
    deducts_from: str | None = None,
) -> None:
    """Register a metering point on a property; of a deduct meter with the point that it is taken off."""
    place = repository.find(connection, property_, {"property_code": property_code})
    if place is None:
        raise BadInput(f"there is no property {property_code!r}", fields={"property_code": "unknown"})
    values: dict[str, object] = {
        "point_code": point_code,
        "property_id": place.id,
        "services": in_order(services),
    }
    if deducts_from is not None:
        main = repository.find(connection, metering_point, {"point_code": deducts_from})
        if main is None or main.deducts_from_id is not None:
            message = f"there is no metering point {deducts_from!r} that is billed itself"
            raise BadInput(message, fields={"deducts_from": message})
        values["deducts_from_id"] = main.id
    if repository.add(connection, metering_point, values) is None:
        raise Conflict(f"there is already a metering point {point_code!r}", fields={"point_code": "taken"})
    _note(connection, principal, "add-metering-point", NETWORK, f"metering-point:{point_code}", values)


def in_order(services: Iterable[str]) -> list[str]:
    """Return services as they are stored: each once, in one order."""
    return sorted(set(services))


def register_meter(connection: Connection, principal: Principal, values: Mapping[str, object]) -> None:
    """Register a meter; telegrams of it that wait in quarantine are tried again."""
    manufacturer, serial = str(values["manufacturer"]), str(values["serial"])
    meter_id = repository.add(connection, meter, values)
    if meter_id is None:
        raise Conflict(f"there is already a meter {manufacturer} {serial}", fields={"serial": "taken"})
    _note(connection, principal, "register-meter", NETWORK, f"meter:{identity(manufacturer, serial)}", values)
    retry_telegrams_of(connection, [meter_id])


def correct_meter(
    connection: Connection,
    principal: Principal,
    manufacturer: str,
    serial: str,
    values: Mapping[str, object],
) -> None:
    """Correct what kind of meter it is."""
    key = {"manufacturer": manufacturer, "serial": serial}
    row = _required(connection, meter, key, f"no meter {manufacturer} {serial}", lock=True)
    changed = _changes(row, values)
    if changed:
        repository.change(connection, meter, row.id, changed)
        subject = f"meter:{identity(manufacturer, serial)}"
        _note(connection, principal, "correct-meter", NETWORK, subject, changed)


def _changes(row: AnyRow, values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if row._mapping[name] != value}


def _note(
    connection: Connection,
    principal: Principal,
    action: str,
    purpose: str,
    subject: str,
    values: Iterable[str],
) -> None:
    detail = {"fields": sorted(values)}
    record(connection, principal, action=action, purpose=purpose, subject=subject, detail=detail)
