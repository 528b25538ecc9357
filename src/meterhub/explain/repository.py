"""The evidence behind a document, as it is stored now."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow


def register_reads(connection: Connection, ids: Sequence[int]) -> dict[int, AnyRow]:
    """Return stored reads by id, with the meter each belongs to."""
    query = text(
        "SELECT r.id, r.meter_id, r.at, r.volume_ml, r.source, r.raw_frame_id "
        "FROM register_read r WHERE r.id = ANY(:ids)"
    )
    return {row.id: row for row in connection.execute(query, {"ids": list(ids)})}


def raw_frames(connection: Connection, ids: Sequence[int]) -> dict[int, AnyRow]:
    """Return stored frames by id, with the name of the gateway that heard each."""
    query = text(
        "SELECT f.id, f.received_at, f.frame, f.rssi_dbm, g.name AS gateway "
        "FROM raw_frame f JOIN gateway g ON g.id = f.gateway_id WHERE f.id = ANY(:ids)"
    )
    return {row.id: row for row in connection.execute(query, {"ids": list(ids)})}


def prices(connection: Connection, tariff_id: int) -> dict[int, AnyRow]:
    """Return the stored versions of a price list by id."""
    query = text("SELECT id, component, net_price, vat_code FROM tariff_version WHERE tariff_id = :id")
    return {row.id: row for row in connection.execute(query, {"id": tariff_id})}


def vat_rates(connection: Connection, country: str) -> dict[int, AnyRow]:
    """Return the stored VAT rates of a country by id."""
    query = text("SELECT id, code, category, rate FROM vat_rate WHERE country = :country")
    return {row.id: row for row in connection.execute(query, {"country": country})}


def closing(connection: Connection, number: str, meter_id: int) -> int | None:
    """Return the register with which an earlier document closed a meter [ml], or None."""
    query = text(
        "SELECT CAST(closing ->> 'volume_ml' AS bigint) FROM invoice i "
        "CROSS JOIN LATERAL jsonb_array_elements(i.snapshot -> 'closings') AS closing "
        "WHERE i.number = :number AND CAST(closing ->> 'meter_id' AS int) = :meter_id"
    )
    result: int | None = connection.execute(query, {"number": number, "meter_id": meter_id}).scalar_one_or_none()
    return result


def opening(connection: Connection, number: str, meter_id: int) -> int | None:
    """Return the register with which a later document opened a meter [ml], or None."""
    query = text(
        "SELECT CAST(read ->> 'volume_ml' AS bigint) FROM invoice i "
        "CROSS JOIN LATERAL jsonb_array_elements(i.snapshot -> 'installations') AS one "
        "CROSS JOIN LATERAL jsonb_array_elements(one -> 'reads') AS read "
        "WHERE i.number = :number AND CAST(one ->> 'meter_id' AS int) = :meter_id "
        "AND CAST(read ->> 'on' AS date) = lower(i.period) LIMIT 1"
    )
    result: int | None = connection.execute(query, {"number": number, "meter_id": meter_id}).scalar_one_or_none()
    return result
