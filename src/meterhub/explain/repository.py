"""The evidence behind a document, as it is stored now."""

from collections.abc import Sequence
from datetime import date

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
    query = text(
        "SELECT id, component, kind, net_price, per, parameters, vat_code "
        "FROM tariff_version WHERE tariff_id = :id"
    )
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
        "SELECT CAST(opening ->> 'volume_ml' AS bigint) FROM invoice i "
        "CROSS JOIN LATERAL jsonb_array_elements(i.snapshot -> 'openings') AS opening "
        "WHERE i.number = :number AND CAST(opening ->> 'meter_id' AS int) = :meter_id"
    )
    result: int | None = connection.execute(query, {"number": number, "meter_id": meter_id}).scalar_one_or_none()
    return result


def neighbour(connection: Connection, contract_id: int, day: date, *, ends: bool) -> str | None:
    """Return the number of the newest document of a contract that ends, or starts, on a day, or None."""
    bound = "upper" if ends else "lower"
    query = text(
        f"SELECT number FROM invoice WHERE contract_id = :id AND {bound}(period) = :day "  # noqa: S608 - two words
        "AND kind = 'consumption' AND credits_id IS NULL ORDER BY id DESC LIMIT 1"
    )
    result: str | None = connection.execute(query, {"id": contract_id, "day": day}).scalar_one_or_none()
    return result


def reopened(connection: Connection, number: str, meter: str, day: date) -> int | None:
    """Return the register with which a volume line of a document began for a meter on a day [l], or None."""
    query = text(
        "SELECT CAST(volume ->> 'billed_from_l' AS bigint) "
        "FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id "
        "CROSS JOIN LATERAL (SELECT coalesce(l.trace -> 'whole', l.trace) AS trace) t "
        "CROSS JOIN LATERAL jsonb_array_elements(coalesce(t.trace -> 'meters', '[]') "
        "|| coalesce(t.trace -> 'deducted', '[]')) AS volume "
        "WHERE i.number = :number AND lower(l.period) = :day AND volume -> 'opening' ->> 'meter' = :meter LIMIT 1"
    )
    values = {"number": number, "meter": meter, "day": day}
    result: int | None = connection.execute(query, values).scalar_one_or_none()
    return result
