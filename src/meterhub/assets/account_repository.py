"""Queries on how contracts are billed: groups, payers, annual volumes, sites."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from meterhub.assets.tables import billing_group
from meterhub.kit.db import AnyRow


def groups(connection: Connection) -> Sequence[AnyRow]:
    """Return all billing groups by code."""
    return connection.execute(select(billing_group).order_by(billing_group.c.code)).all()


def find_group(connection: Connection, code: str) -> AnyRow | None:
    """Return a billing group."""
    return connection.execute(select(billing_group).where(billing_group.c.code == code)).one_or_none()


def put_group(connection: Connection, values: Mapping[str, object]) -> None:
    """Store a billing group, or new values of one."""
    statement = insert(billing_group).values(**values)
    changed = {name: statement.excluded[name] for name in ("name", "months", "regime")}
    connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=changed))


def change_billing(connection: Connection, contract_id: int, group: str, regime: str | None) -> None:
    """Give a contract its group and regime."""
    connection.execute(
        text("UPDATE contract SET billing_group = :group, regime = :regime WHERE id = :id"),
        {"id": contract_id, "group": group, "regime": regime},
    )


def payers(connection: Connection, contract_id: int) -> Sequence[AnyRow]:
    """Return all payers of a contract in order of time, then as stored."""
    query = text(
        "SELECT u.customer_no, p.weight, lower(p.valid) AS from_on, upper(p.valid) AS until_on "
        "FROM contract_payer p JOIN customer u ON u.id = p.customer_id "
        "WHERE p.contract_id = :id ORDER BY lower(p.valid), p.id"
    )
    return connection.execute(query, {"id": contract_id}).all()


def customer_ids(connection: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """Return the ids of customers by number."""
    query = text("SELECT customer_no, id FROM customer WHERE customer_no = ANY(:numbers)")
    return {row.customer_no: row.id for row in connection.execute(query, {"numbers": list(numbers)})}


def replace_payers(
    connection: Connection, contract_id: int, from_on: date, given: Sequence[tuple[int, object]]
) -> None:
    """End the payers of a contract on a day, drop those that start later, and store others from that day."""
    values = {"id": contract_id, "from_on": from_on}
    connection.execute(
        text("DELETE FROM contract_payer WHERE contract_id = :id AND lower(valid) >= :from_on"), values
    )
    connection.execute(
        text(
            "UPDATE contract_payer SET valid = daterange(lower(valid), :from_on) "
            "WHERE contract_id = :id AND valid @> CAST(:from_on AS date)"
        ),
        values,
    )
    for customer_id, weight in given:
        connection.execute(
            text(
                "INSERT INTO contract_payer (contract_id, customer_id, weight, valid) "
                "VALUES (:id, :customer_id, :weight, daterange(:from_on, NULL))"
            ),
            values | {"customer_id": customer_id, "weight": weight},
        )


def annual_volumes(connection: Connection, contract_id: int) -> Sequence[AnyRow]:
    """Return the annual volumes of a contract, the one that counts latest first."""
    query = text(
        "SELECT valid_from, annual_m3, basis, factor, source, created_at, created_by FROM annual_volume "
        "WHERE contract_id = :id ORDER BY valid_from DESC, id DESC"
    )
    return connection.execute(query, {"id": contract_id}).all()


def add_annual_volume(connection: Connection, values: Mapping[str, object]) -> None:
    """Store an annual volume of a contract."""
    connection.execute(
        text(
            "INSERT INTO annual_volume (contract_id, valid_from, annual_m3, basis, factor, source, created_by) "
            "VALUES (:contract_id, :valid_from, :annual_m3, :basis, :factor, :source, :created_by)"
        ),
        dict(values),
    )


def sites(connection: Connection, property_id: int) -> Sequence[AnyRow]:
    """Return what fees of a property went by, newest first."""
    query = text(
        "SELECT p.property_code, s.valid_from, s.floor_area_m2, s.plot_area_m2, s.dwellings, s.building_type, "
        "s.marks FROM property_site s JOIN property p ON p.id = s.property_id "
        "WHERE s.property_id = :id ORDER BY s.valid_from DESC, s.id DESC"
    )
    return connection.execute(query, {"id": property_id}).all()


def add_site(connection: Connection, values: Mapping[str, object]) -> None:
    """Store what fees of a property go by from a day on."""
    connection.execute(
        text(
            "INSERT INTO property_site (property_id, valid_from, floor_area_m2, plot_area_m2, dwellings, "
            "building_type, marks, created_by) VALUES (:property_id, :valid_from, :floor_area_m2, :plot_area_m2, "
            ":dwellings, :building_type, :marks, :created_by)"
        ),
        dict(values),
    )
