"""Queries on customers, properties, metering points and meters; placement has its own module."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    cast,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from meterhub.assets.tables import customer, meter, meter_key, property_
from meterhub.errors import Conflict
from meterhub.kit.db import AnyRow

# A natural key: a number or code, or a meter's manufacturer and serial.
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A registered meter; `digits` are the whole cubic metres its register shows before it rolls over."""

    id: int
    manufacturer: str
    serial: str
    device_version: int | None
    device_type: int | None
    model: str
    digits: int


_BY_ADDRESS = text(
    """
    SELECT m.id, m.manufacturer, m.serial, m.device_version, m.device_type, m.model, m.digits
    FROM unnest(CAST(:manufacturers AS text[]), CAST(:serials AS text[])) AS wanted (manufacturer, serial)
    JOIN meter AS m USING (manufacturer, serial)
    """
)


def meters_by_address(
    connection: Connection, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], MeterRow]:
    """Return the registered ones of these (manufacturer, serial), in one query however many."""
    if not pairs:
        return {}
    manufacturers, serials = zip(*pairs, strict=True)
    rows = connection.execute(_BY_ADDRESS, {"manufacturers": list(manufacturers), "serials": list(serials)})
    meters = (MeterRow(*row) for row in rows)
    return {(meter.manufacturer, meter.serial): meter for meter in meters}


_BY_SERIAL = text(
    """
    SELECT m.id, m.manufacturer, m.serial, m.device_version, m.device_type, m.model, m.digits
    FROM meter AS m WHERE m.serial = ANY(CAST(:serials AS text[])) ORDER BY m.manufacturer
    """
)


def meters_by_serial(connection: Connection, serials: Collection[str]) -> dict[str, list[MeterRow]]:
    """Return the registered meters with these serials, whoever made them, in one query however many."""
    found: dict[str, list[MeterRow]] = {}
    for row in connection.execute(_BY_SERIAL, {"serials": list(serials)}):
        found.setdefault(row.serial, []).append(MeterRow(*row))
    return found


def add(connection: Connection, table: Table, values: Mapping[str, object]) -> int | None:
    """Store a row and return its id; None if there is one by that name already."""
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(table.c.id)
    found: int | None = connection.execute(statement).scalar_one_or_none()
    return found


def find(connection: Connection, table: Table, key: Mapping[str, str], *, lock: bool = False) -> AnyRow | None:
    """Return the row by its natural key; with `lock`, held until the transaction ends."""
    statement = select(table).where(*(table.c[name] == value for name, value in key.items()))
    return connection.execute(statement.with_for_update() if lock else statement).first()


def find_many(
    connection: Connection, table: Table, key: Sequence[str], wanted: Collection[Key]
) -> dict[Key, AnyRow]:
    """Return the rows by their natural keys (texts), in one query however many."""
    if not wanted:
        return {}
    arrays = [cast(list(values), ARRAY(Text)) for values in zip(*wanted, strict=True)]
    given = func.unnest(*arrays).table_valued(*key, name="wanted").render_derived()
    rows = connection.execute(select(table).join(given, and_(*(table.c[name] == given.c[name] for name in key))))
    return {tuple(row._mapping[name] for name in key): row for row in rows}


def add_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Store rows of one shape in one statement; none of them may be there already."""
    if not rows:
        return
    columns = ", ".join(rows[0])
    # the names are those of our own tables and schemas, the values travel as a parameter
    statement = text(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} "  # noqa: S608
        f"FROM jsonb_populate_recordset(NULL::{table.name}, CAST(:rows AS jsonb)) ON CONFLICT DO NOTHING"
    )
    if connection.execute(statement, {"rows": json.dumps(rows, default=str)}).rowcount != len(rows):
        raise Conflict("somebody else has just added some of these: try again")


def change(connection: Connection, table: Table, row_id: int, values: Mapping[str, object]) -> None:
    """Give a row new values."""
    connection.execute(update(table).where(table.c.id == row_id).values(**values))


def list_customers(connection: Connection, *, search: str, after: str | None, limit: int) -> Sequence[AnyRow]:
    """Return customers by number; the search is the beginning of a number or a part of a name."""
    statement = select(customer).order_by(customer.c.customer_no).limit(limit)
    if search:
        number = customer.c.customer_no.startswith(search, autoescape=True)
        statement = statement.where(number | customer.c.name.icontains(search, autoescape=True))
    return _after(connection, statement, customer.c.customer_no, after)


def list_properties(connection: Connection, *, search: str, after: str | None, limit: int) -> Sequence[AnyRow]:
    """Return properties by code; the search is the beginning of a code or a part of a street."""
    statement = select(property_).order_by(property_.c.property_code).limit(limit)
    if search:
        code = property_.c.property_code.startswith(search, autoescape=True)
        statement = statement.where(code | property_.c.street.icontains(search, autoescape=True))
    return _after(connection, statement, property_.c.property_code, after)


def list_meters(
    connection: Connection, *, search: str, after: tuple[str, str] | None, limit: int
) -> Sequence[AnyRow]:
    """Return meters by manufacturer and serial; the search is the beginning of a serial."""
    statement = select(meter).order_by(meter.c.manufacturer, meter.c.serial).limit(limit)
    if search:
        statement = statement.where(meter.c.serial.startswith(search, autoescape=True))
    if after is not None:
        statement = statement.where(tuple_(meter.c.manufacturer, meter.c.serial) > tuple_(*after))
    return connection.execute(statement).all()


def _after(
    connection: Connection, statement: Select[Any], column: ColumnElement[str], after: str | None
) -> Sequence[AnyRow]:
    if after is not None:
        statement = statement.where(column > after)
    return connection.execute(statement).all()


def keys_kept(connection: Connection, meter_id: int) -> AnyRow:
    """Return how many keys of a meter are kept, and since when the newest."""
    statement = select(func.count().label("key_count"), func.max(meter_key.c.created_at).label("since_at")).where(
        meter_key.c.meter_id == meter_id
    )
    row: AnyRow = connection.execute(statement).one()
    return row


_POINT = """
    SELECT p.id, p.point_code, main.point_code AS deducts_from, r.property_code, r.street, r.postal_code,
        r.city, p.services, here.manufacturer, here.serial
    FROM metering_point AS p
    JOIN property AS r ON r.id = p.property_id
    LEFT JOIN metering_point AS main ON main.id = p.deducts_from_id
    LEFT JOIN LATERAL (
        SELECT m.manufacturer, m.serial
        FROM installation AS i JOIN meter AS m ON m.id = i.meter_id
        WHERE i.metering_point_id = p.id AND i.valid @> now()
    ) AS here ON true
"""
_ONE_POINT = text(_POINT + "WHERE p.point_code = :point_code")
# every code comes after the empty one
_POINTS = text(_POINT + "WHERE p.point_code > :after ORDER BY p.point_code LIMIT :limit")
# each branch by its own index, or a scan of streets at worst; an OR over the joins would join everything
_FOUND = """
    WHERE p.point_code > :after AND p.id IN (
        SELECT id FROM metering_point WHERE point_code LIKE :beginning
        UNION
        SELECT f.id FROM metering_point AS f JOIN property AS pr ON pr.id = f.property_id
        WHERE lower(pr.street) LIKE :part
        UNION
        SELECT i.metering_point_id FROM meter AS m JOIN installation AS i ON i.meter_id = m.id
        WHERE m.serial LIKE :beginning
    )
    ORDER BY p.point_code LIMIT :limit
"""
_POINTS_FOUND = text(_POINT + _FOUND)


def _literal(search: str) -> str:
    """Return a text that LIKE takes as it stands."""
    return search.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def list_points(connection: Connection, *, search: str, after: str | None, limit: int) -> Sequence[AnyRow]:
    """Return metering points by code, each with its meter of now.

    The search is the beginning of a point's code or of the serial of a meter that is or was there, or a
    part of the street.
    """
    values = {"after": after or "", "limit": limit}
    if not search:
        return connection.execute(_POINTS, values).all()
    values |= {"beginning": _literal(search) + "%", "part": f"%{_literal(search.lower())}%"}
    return connection.execute(_POINTS_FOUND, values).all()


def find_point(connection: Connection, point_code: str) -> AnyRow | None:
    """Return a metering point with its address and its meter of now."""
    return connection.execute(_ONE_POINT, {"point_code": point_code}).first()
