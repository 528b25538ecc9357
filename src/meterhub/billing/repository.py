"""Queries of price lists and issued documents (runs have their own)."""

import json
from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, text

from meterhub.billing.schemas import TariffDocument, TariffVersionIn, VatRateIn
from meterhub.kit.db import AnyRow

PRICES_LOCK = 7_301_001


def lock_prices(connection: Connection) -> None:
    """Let one import at a time look and add."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": PRICES_LOCK})


def tariffs(connection: Connection) -> Sequence[AnyRow]:
    """Return all price lists by code."""
    return connection.execute(text("SELECT id, code, name, country, currency FROM tariff ORDER BY code")).all()


def tariff_by_code(connection: Connection, code: str) -> AnyRow | None:
    """Return a price list, or None."""
    query = text("SELECT id, code, name, country, currency FROM tariff WHERE code = :code")
    return connection.execute(query, {"code": code}).one_or_none()


def add_tariff(connection: Connection, document: TariffDocument) -> int:
    """Store the head of a price list."""
    query = text(
        "INSERT INTO tariff (code, name, country, currency) "
        "VALUES (:code, :name, :country, :currency) RETURNING id"
    )
    return int(connection.execute(query, document.model_dump(exclude={"versions", "vat"})).scalar_one())


def tariff_versions(connection: Connection, tariff_id: int, component: str | None = None) -> Sequence[AnyRow]:
    """Return versions of a price list, or of one component, as first stored and then in order of time."""
    query = text(
        "SELECT id, component, kind, service, net_price, per, vat_code, parameters, announced_on, "
        "ledger_account, lower(valid) AS valid_from, upper(valid) AS valid_to FROM tariff_version "
        "WHERE tariff_id = :tariff_id AND component = coalesce(:component, component) "
        "ORDER BY min(id) OVER (PARTITION BY component), valid"
    )
    return connection.execute(query, {"tariff_id": tariff_id, "component": component}).all()


def add_tariff_version(connection: Connection, tariff_id: int, version: TariffVersionIn, created_by: str) -> None:
    """Store a version of a component."""
    query = text(
        "INSERT INTO tariff_version "
        "(tariff_id, component, kind, service, net_price, per, vat_code, parameters, announced_on, "
        "ledger_account, valid, created_by) VALUES "
        "(:tariff_id, :component, :kind, :service, :net_price, :per, :vat_code, CAST(:parameters AS jsonb), "
        ":announced_on, :ledger_account, daterange(:valid_from, :valid_to), :created_by)"
    )
    values = version.model_dump() | {"parameters": json.dumps(version.parameters)}
    connection.execute(query, values | {"tariff_id": tariff_id, "created_by": created_by})


def close_tariff_version(connection: Connection, version_id: int, valid_to: date | None) -> None:
    """Give an open-ended version its end."""
    query = text("UPDATE tariff_version SET valid = daterange(lower(valid), :valid_to) WHERE id = :id")
    connection.execute(query, {"id": version_id, "valid_to": valid_to})


def vat_rates(connection: Connection, country: str, code: str | None = None) -> Sequence[AnyRow]:
    """Return VAT rates of a country, or of one code, in order of time."""
    query = text(
        "SELECT id, code, category, rate, lower(valid) AS valid_from, upper(valid) AS valid_to "
        "FROM vat_rate WHERE country = :country AND code = coalesce(:code, code) ORDER BY code, valid"
    )
    return connection.execute(query, {"country": country, "code": code}).all()


def add_vat_rate(connection: Connection, country: str, rate: VatRateIn) -> None:
    """Store a VAT rate."""
    query = text(
        "INSERT INTO vat_rate (country, code, category, rate, valid) "
        "VALUES (:country, :code, :category, :rate, daterange(:valid_from, :valid_to))"
    )
    connection.execute(query, rate.model_dump() | {"country": country})


def close_vat_rate(connection: Connection, rate_id: int, valid_to: date | None) -> None:
    """Give an open-ended VAT rate its end."""
    query = text("UPDATE vat_rate SET valid = daterange(lower(valid), :valid_to) WHERE id = :id")
    connection.execute(query, {"id": rate_id, "valid_to": valid_to})


def billed_until(
    connection: Connection, *, tariff_id: int | None = None, country: str | None = None
) -> date | None:
    """Return the end of what has been billed by a price list, or by any of a country."""
    query = text(
        "SELECT max(upper(r.period)) FROM billing_run r JOIN tariff t ON t.id = r.tariff_id "
        "WHERE t.id = coalesce(:tariff_id, t.id) AND t.country = coalesce(:country, t.country) "
        "AND r.state <> 'cancelled'"
    )
    result: date | None = connection.execute(query, {"tariff_id": tariff_id, "country": country}).scalar_one()
    return result


_INVOICE = (
    "SELECT i.id, i.number, i.type, i.kind, i.run_id, i.contract_id, c.contract_no, i.customer_id, u.customer_no, "
    "u.name AS customer_name, lower(i.period) AS period_start, upper(i.period) AS period_end, "
    "i.issued_on, i.due_on, i.reference, i.currency, i.net, i.vat, i.gross, i.credits_id, "
    "credited.number AS credits{snapshot} "
    "FROM invoice i JOIN customer u ON u.id = i.customer_id LEFT JOIN contract c ON c.id = i.contract_id "
    "LEFT JOIN invoice credited ON credited.id = i.credits_id "
)


# What many snapshots share is kept once, see `runs.tables`.
_SNAPSHOT = (
    ", coalesce((SELECT f.content FROM billing_frozen f WHERE f.hash = i.snapshot ->> 'frozen'), '{}') "
    "|| (i.snapshot - 'frozen') || coalesce((SELECT jsonb_build_object('chart', p.content) "
    "FROM billing_picture p WHERE p.invoice_id = i.id), '{}') AS snapshot"
)


def list_invoices(
    connection: Connection,
    *,
    after_id: int | None,
    limit: int,
    run_id: int | None = None,
    customer_no: str | None = None,
    contract_no: str | None = None,
) -> Sequence[AnyRow]:
    """Return issued documents, newest first, of a run, a customer or a contract."""
    given = {
        "i.id < :after_id": after_id,
        "i.run_id = :run_id": run_id,
        "i.customer_id = (SELECT id FROM customer WHERE customer_no = :customer_no)": customer_no,
        "i.contract_id = (SELECT id FROM contract WHERE contract_no = :contract_no)": contract_no,
    }
    conditions = [condition for condition, value in given.items() if value is not None]
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    query = text(_INVOICE.format(snapshot="") + where + "ORDER BY i.id DESC LIMIT :limit")
    values = {"after_id": after_id, "run_id": run_id, "customer_no": customer_no, "contract_no": contract_no}
    used = {name: value for name, value in values.items() if value is not None}
    return connection.execute(query, used | {"limit": limit}).all()


def invoice_by_number(connection: Connection, number: str) -> AnyRow | None:
    """Return an issued document with its snapshot, or None."""
    query = text(_INVOICE.format(snapshot=_SNAPSHOT) + "WHERE i.number = :number")
    return connection.execute(query, {"number": number}).one_or_none()


def einvoice_route(connection: Connection, number: str) -> AnyRow:
    """Return how the customer of a document receives e-invoices at present."""
    query = text(
        "SELECT u.einvoice_address, u.einvoice_operator, u.business_id "
        "FROM invoice i JOIN customer u ON u.id = i.customer_id WHERE i.number = :number"
    )
    return connection.execute(query, {"number": number}).one()


def invoice_lines(connection: Connection, invoice_id: int) -> Sequence[AnyRow]:
    """Return the lines of a document in order."""
    query = text(
        "SELECT position, component, point, lower(period) AS period_start, upper(period) AS period_end, quantity, "
        "unit, unit_price, price_base_quantity, net, vat_category, vat_rate, quality, refers_to, trace "
        "FROM invoice_line WHERE invoice_id = :id ORDER BY position"
    )
    return connection.execute(query, {"id": invoice_id}).all()


def invoice_vat_groups(connection: Connection, invoice_id: int) -> Sequence[AnyRow]:
    """Return the VAT groups of a document."""
    query = text(
        "SELECT category, rate, base, vat FROM invoice_vat WHERE invoice_id = :id ORDER BY category, rate"
    )
    return connection.execute(query, {"id": invoice_id}).all()


def last_change(connection: Connection, code: str) -> date | None:
    """Return the day on which the last stored price of a list comes into force."""
    query = text(
        "SELECT max(lower(v.valid)) FROM tariff_version v JOIN tariff t ON t.id = v.tariff_id WHERE t.code = :code"
    )
    result: date | None = connection.execute(query, {"code": code}).scalar_one()
    return result
