"""Meters at metering points, and what gateways heard of them, put straight into the tables."""

from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import Connection, text

_numbers = count(1)
WINDOW = timedelta(seconds=10)


def a_meter(connection: Connection, *, street: str = "Koivukuja 1", installed_at: datetime) -> int:
    """A meter at a point of its own; returns its id."""
    number = next(_numbers)
    values = {
        "n": number,
        "street": street,
        "code": f"P-{number:05}",
        "serial": f"{number:08}",
        "at": installed_at,
    }
    connection.execute(
        text(
            "INSERT INTO property (property_code, street, postal_code, city) "
            "VALUES ('245-' || :n, :street, '00100', 'Mallila')"
        ),
        values,
    )
    connection.execute(
        text(
            "INSERT INTO metering_point (point_code, property_id, services) "
            "SELECT :code, id, '{water}' FROM property WHERE property_code = '245-' || :n"
        ),
        values,
    )
    meter_id = connection.execute(
        text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :serial) RETURNING id"), values
    ).scalar_one()
    connection.execute(
        text(
            "INSERT INTO installation (meter_id, metering_point_id, valid) SELECT :meter, id, "
            "tstzrange(:at, NULL) FROM metering_point WHERE point_code = :code"
        ),
        {**values, "meter": meter_id},
    )
    return int(meter_id)


def a_gateway(connection: Connection, name: str) -> int:
    """A gateway; returns its id."""
    return int(
        connection.execute(
            text("INSERT INTO gateway (name) VALUES (:name) RETURNING id"), {"name": name}
        ).scalar_one()
    )


def hear(
    connection: Connection, meter_id: int, at: datetime, *receptions: tuple[int, int | None], volume_ml: int = 0
) -> None:
    """A transmission of a meter as heard by gateways (id, dBm), the first of which delivered it first."""
    (first, rssi), *others = receptions
    values = {
        "meter": meter_id,
        "at": at,
        "gateway": first,
        "rssi": rssi,
        "volume": volume_ml,
        "f": next(_numbers),
    }
    frame_id = connection.execute(
        text(
            "INSERT INTO raw_frame (fingerprint, received_at, gateway_id, rssi_dbm, frame) "
            "VALUES (:f, :at, :gateway, :rssi, '\\x00') RETURNING id"
        ),
        values,
    ).scalar_one()
    connection.execute(
        text(
            "INSERT INTO register_read (meter_id, at, volume_ml, source, raw_frame_id) "
            "VALUES (:meter, :at, :volume, 'amr', :frame)"
        ),
        {**values, "frame": frame_id},
    )
    for gateway_id, dbm in others:
        connection.execute(
            text("INSERT INTO frame_heard VALUES (:frame, :gateway, :at, :rssi)"),
            {"frame": frame_id, "gateway": gateway_id, "at": at, "rssi": dbm},
        )
