"""Interest rates and fees by date: those shipped, and over them those that the operator has added."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.dunning.steps import data, fee_on
from meterhub.billing.receivables.interest import is_half_year
from meterhub.errors import BadInput
from meterhub.kit.money import ZERO


def basis_of(country: str, customer_kind: str) -> str:
    """Return which rates count for a kind of customer."""
    return str(data("interest.json")[country]["basis"][customer_kind])


def interest_rates(connection: Connection, country: str, basis: str) -> dict[str, Decimal]:
    """Return rates by half-year [% a year]."""
    shipped = data("interest.json")[country].get(basis, {})
    stored = connection.execute(
        text("SELECT half_year, rate FROM interest_rate WHERE country = :country AND basis = :basis ORDER BY id"),
        {"country": country, "basis": basis},
    )
    added = {row.half_year: row.rate for row in stored}
    return {half_year: Decimal(rate) for half_year, rate in shipped.items()} | added


def add_interest_rate(
    connection: Connection,
    principal: Principal,
    *,
    country: str,
    basis: str,
    half_year: str,
    rate: Decimal,
    source: str,
) -> None:
    """Store the rate of a half-year; it must name where it was published."""
    if not is_half_year(half_year):
        raise BadInput(f"{half_year!r} is no half-year like 2026H2", fields={"half_year": "not like 2026H2"})
    connection.execute(
        text(
            "INSERT INTO interest_rate (country, basis, half_year, rate, source, created_by) "
            "VALUES (:country, :basis, :half_year, :rate, :source, :by)"
        ),
        {
            "country": country,
            "basis": basis,
            "half_year": half_year,
            "rate": rate,
            "source": source,
            "by": principal.name,
        },
    )
    record(connection, principal, action="add-interest-rate", purpose="billing", subject=f"rate:{half_year}")


def add_fee(
    connection: Connection,
    principal: Principal,
    *,
    country: str,
    customer_kind: str,
    step: str,
    amount: Decimal,
    valid_from: date,
) -> None:
    """Store a fee from a day on."""
    connection.execute(
        text(
            "INSERT INTO dunning_fee (country, customer_kind, step, amount, valid_from, created_by) "
            "VALUES (:country, :kind, :step, :amount, :day, :by)"
        ),
        {
            "country": country,
            "kind": customer_kind,
            "step": step,
            "amount": amount,
            "day": valid_from,
            "by": principal.name,
        },
    )
    record(connection, principal, action="add-dunning-fee", purpose="billing", subject=f"fee:{step}")


def fees(connection: Connection, country: str) -> Sequence[dict[str, Any]]:
    """Return all fees of a country, shipped ones first."""
    stored = connection.execute(
        text(
            "SELECT customer_kind, step, amount::text AS amount, valid_from::text AS valid_from FROM dunning_fee "
            "WHERE country = :country ORDER BY id"
        ),
        {"country": country},
    )
    shipped = [one for one in data("fees.json") if one["country"] == country]
    return [*shipped, *(dict(row._mapping) for row in stored)]


def fee_of(known: Sequence[dict[str, Any]], customer_kind: str, step: str, on: date) -> Decimal:
    """Return the fee of a step on a day; nothing where the table has none."""
    amount = fee_on(known, customer_kind, step, on)
    return ZERO if amount is None else Decimal(amount)
