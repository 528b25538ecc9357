"""Homes stored in a database: points, meters and their reads."""

from datetime import UTC, datetime

from sqlalchemy import text

from meterhub.readings.repository import NewRead, store_reads


def store_point(connection, number: int, *, since="2020-01-01") -> int:
    """Store a property, a point and a meter there; return the meter's id."""
    property_id = connection.execute(
        text(
            "INSERT INTO property (property_code, street, postal_code, city) "
            "VALUES (:code, :street, '00100', 'Mallila') RETURNING id"
        ),
        {"code": f"R-{number:05}", "street": f"Rantatie {number}"},
    ).scalar_one()
    point_id = connection.execute(
        text(
            "INSERT INTO metering_point (point_code, property_id, services) "
            "VALUES (:code, :property_id, '{water}') RETURNING id"
        ),
        {"code": f"P-{number:05}", "property_id": property_id},
    ).scalar_one()
    meter_id = connection.execute(
        text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :serial) RETURNING id"),
        {"serial": f"{10_000_000 + number}"},
    ).scalar_one()
    connection.execute(
        text(
            "INSERT INTO installation (meter_id, metering_point_id, valid) "
            "VALUES (:meter_id, :point_id, tstzrange(:since, NULL))"
        ),
        {"meter_id": meter_id, "point_id": point_id, "since": since},
    )
    return meter_id


def store_home(connection, meter_id: int, reads) -> None:
    """Store reads `(UTC seconds, ml)` of a meter."""
    store_reads(connection, [NewRead(meter_id, utc(at_s), volume_ml) for at_s, volume_ml in reads])


def utc(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
