"""Queries on meters: by identity, many at once."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text


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
