"""Queries on what is where and whose: installations and contracts, valid over half-open ranges."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow

_INSTALLATION = """
    SELECT i.id, m.manufacturer, m.serial, p.point_code,
        lower(i.valid) AS installed_at, upper(i.valid) AS removed_at
    FROM installation AS i
    JOIN meter AS m ON m.id = i.meter_id
    JOIN metering_point AS p ON p.id = i.metering_point_id
"""
_CONTRACT = """
    SELECT c.id, c.contract_no, u.customer_no, u.name AS customer_name, p.point_code,
        lower(c.valid) AS start_on, upper(c.valid) AS end_on, c.billing_group, c.regime, c.metering_point_id
    FROM contract AS c
    JOIN customer AS u ON u.id = c.customer_id
    JOIN metering_point AS p ON p.id = c.metering_point_id
"""


def installations_at(connection: Connection, point_id: int) -> Sequence[AnyRow]:
    """Return all installations at a point, newest first."""
    statement = text(_INSTALLATION + "WHERE i.metering_point_id = :id ORDER BY lower(i.valid) DESC")
    return connection.execute(statement, {"id": point_id}).all()


def installation_of(connection: Connection, meter_id: int) -> AnyRow | None:
    """Return where a meter is now."""
    statement = text(_INSTALLATION + "WHERE i.meter_id = :id AND i.valid @> now()")
    return connection.execute(statement, {"id": meter_id}).first()


def open_installation(connection: Connection, point_id: int) -> AnyRow | None:
    """Return the installation at a point that has no end yet, locked."""
    statement = text(_INSTALLATION + "WHERE i.metering_point_id = :id AND upper_inf(i.valid) FOR UPDATE OF i")
    return connection.execute(statement, {"id": point_id}).first()


def add_installation(connection: Connection, meter_id: int, point_id: int, installed_at: datetime) -> bool:
    """Put a meter at a point with no end; False if the meter or the point is taken at any time after."""
    statement = text(
        "INSERT INTO installation (meter_id, metering_point_id, valid) "
        "VALUES (:meter_id, :point_id, tstzrange(:at, NULL)) ON CONFLICT DO NOTHING"
    )
    values = {"meter_id": meter_id, "point_id": point_id, "at": installed_at}
    return connection.execute(statement, values).rowcount == 1


def installations_in_the_way(
    connection: Connection, meter_id: int, point_id: int, start_at: datetime, end_at: datetime | None
) -> Sequence[AnyRow]:
    """Return the installations of this meter or at this point that meet a range, oldest first."""
    statement = text(
        _INSTALLATION + "WHERE (i.meter_id = :meter_id OR i.metering_point_id = :point_id) "
        "AND i.valid && tstzrange(:start_at, :end_at) ORDER BY lower(i.valid) LIMIT 3"
    )
    values = {"meter_id": meter_id, "point_id": point_id, "start_at": start_at, "end_at": end_at}
    return connection.execute(statement, values).all()


def close_installation(connection: Connection, installation_id: int, removed_at: datetime) -> None:
    """End an installation."""
    connection.execute(
        text("UPDATE installation SET valid = tstzrange(lower(valid), :at) WHERE id = :id"),
        {"id": installation_id, "at": removed_at},
    )


def list_contracts(
    connection: Connection, *, customer_no: str | None, point_code: str | None, after: str | None, limit: int
) -> Sequence[AnyRow]:
    """Return contracts by number, all or those of a customer or a point."""
    conditions = ["c.contract_no > :after"]  # every number comes after the empty one
    if customer_no is not None:
        conditions.append("u.customer_no = :customer_no")
    if point_code is not None:
        conditions.append("p.point_code = :point_code")
    statement = text(_CONTRACT + f"WHERE {' AND '.join(conditions)} ORDER BY c.contract_no LIMIT :limit")
    values = {"customer_no": customer_no, "point_code": point_code, "after": after or "", "limit": limit}
    return connection.execute(statement, values).all()


def contracts_at(connection: Connection, point_id: int) -> Sequence[AnyRow]:
    """Return all contracts on a point, newest first."""
    statement = text(_CONTRACT + "WHERE c.metering_point_id = :id ORDER BY lower(c.valid) DESC")
    return connection.execute(statement, {"id": point_id}).all()


def find_contract(connection: Connection, contract_no: str, *, lock: bool = False) -> AnyRow | None:
    """Return a contract; with `lock`, held until the transaction ends."""
    statement = text(_CONTRACT + "WHERE c.contract_no = :contract_no" + (" FOR UPDATE OF c" if lock else ""))
    return connection.execute(statement, {"contract_no": contract_no}).first()


def add_contract(
    connection: Connection,
    *,
    contract_no: str,
    customer_id: int,
    point_id: int,
    start_on: date,
    billing_group: str,
) -> bool:
    """Store a contract with no end; False if its number or any later day at the point is taken."""
    statement = text(
        "INSERT INTO contract (contract_no, customer_id, metering_point_id, valid, billing_group) "
        "VALUES (:contract_no, :customer_id, :point_id, daterange(:start_on, NULL), :billing_group) "
        "ON CONFLICT DO NOTHING"
    )
    values = {
        "contract_no": contract_no,
        "customer_id": customer_id,
        "point_id": point_id,
        "start_on": start_on,
        "billing_group": billing_group,
    }
    return connection.execute(statement, values).rowcount == 1


def contracts_in_the_way(
    connection: Connection, point_id: int, start_on: date, end_on: date | None, but_id: int = 0
) -> Sequence[AnyRow]:
    """Return the contracts on a point that share a day with `[start_on, end_on)`, but for one."""
    statement = text(
        _CONTRACT + "WHERE c.metering_point_id = :point_id AND c.id <> :but_id "
        "AND c.valid && daterange(:start_on, :end_on) ORDER BY lower(c.valid) LIMIT 3"
    )
    values = {"point_id": point_id, "start_on": start_on, "end_on": end_on, "but_id": but_id}
    return connection.execute(statement, values).all()


def close_contract(connection: Connection, contract_id: int, end_on: date) -> None:
    """End a contract before a day."""
    connection.execute(
        text("UPDATE contract SET valid = daterange(lower(valid), :end_on) WHERE id = :id"),
        {"id": contract_id, "end_on": end_on},
    )
