"""What is stored about contracts apart from meters: customer, payers, annual volume, site, extras."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.credits.repository import wholly_credited
from meterhub.kit.arrays import integers
from meterhub.kit.db import AnyRow
from meterhub.kit.values import Json

CUSTOMER_FIELDS = (
    "customer_no",
    "kind",
    "name",
    "street",
    "postal_code",
    "city",
    "language",
    "business_id",
    "einvoice_address",
    "einvoice_operator",
    "billing_name",
    "billing_street",
    "billing_postal_code",
    "billing_city",
)
_CUSTOMER = ", ".join(f"u.{name}" for name in CUSTOMER_FIELDS)


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer who pays a contract's bills on some days, by weight."""

    customer_id: int
    weight: Decimal
    from_on: date | None
    until_on: date | None
    customer: Json


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract of a run as it is now."""

    row: AnyRow
    payers: Sequence[Payer]
    annual: Json | None
    sites: Sequence[AnyRow]
    adjustments: Sequence[AnyRow]
    open_estimates: Sequence[AnyRow]
    read_since: bool


@dataclass(slots=True)
class _Parts:
    payers: dict[int, list[Payer]] = field(default_factory=lambda: defaultdict(list))
    annual: dict[int, Json] = field(default_factory=dict)
    sites: dict[int, list[AnyRow]] = field(default_factory=lambda: defaultdict(list))
    adjustments: dict[int, list[AnyRow]] = field(default_factory=lambda: defaultdict(list))
    estimates: dict[int, list[AnyRow]] = field(default_factory=lambda: defaultdict(list))
    read_since: set[int] = field(default_factory=set)


def customer_of(row: AnyRow) -> Json:
    """Return what a snapshot keeps of a customer; what is not known is left out."""
    mapping = row._mapping
    return {name: mapping[name] for name in CUSTOMER_FIELDS if mapping[name] is not None}


def load_contracts(connection: Connection, run_id: int, ids: Sequence[int], zone: str) -> list[Contract]:
    """Load contracts of a run, each kind of fact in one query for all of them."""
    values = {"run_id": run_id, "ids": integers(ids)}
    parts = _Parts()
    for row in connection.execute(_PAYERS, values):
        payer = Payer(row.customer_id, row.weight, row.from_on, row.until_on, customer_of(row))
        parts.payers[row.contract_id].append(payer)
    for row in connection.execute(_ANNUAL, values):
        product = {"basis": str(row.basis), "factor": str(row.factor)}
        parts.annual[row.contract_id] = product if row.basis is not None else {"annual_m3": str(row.annual_m3)}
    for row in connection.execute(_SITES, values):
        parts.sites[row.contract_id].append(row)
    for row in connection.execute(_ADJUSTMENTS, values):
        parts.adjustments[row.contract_id].append(row)
    for row in connection.execute(_OPEN_ESTIMATES, values):
        parts.estimates[row.contract_id].append(row)
    if parts.estimates:
        parts.read_since |= _read_since(connection, parts.estimates, zone)
    return [
        Contract(
            row,
            parts.payers.get(row.contract_id, ()),
            parts.annual.get(row.contract_id),
            parts.sites.get(row.contract_id, ()),
            parts.adjustments.get(row.contract_id, ()),
            parts.estimates.get(row.contract_id, ()),
            row.contract_id in parts.read_since,
        )
        for row in connection.execute(_CONTRACTS, values).all()
    ]


def _read_since(connection: Connection, estimates: Mapping[int, Sequence[AnyRow]], zone: str) -> set[int]:
    """Return the contracts whose meters were read after the first of their open estimates began."""
    first = {contract_id: min(row.starts for row in rows) for contract_id, rows in estimates.items()}
    values = {"ids": list(first), "days": list(first.values()), "zone": zone}
    return set(connection.execute(_READ_SINCE, values).scalars())


_CONTRACTS = text(
    f"""
    SELECT rc.contract_id, lower(rc.period) AS period_start, upper(rc.period) AS period_end, c.contract_no,
           coalesce(c.regime, g.regime) AS regime, u.id AS customer_id, {_CUSTOMER},
           m.id AS point_id, m.point_code, m.services, p.id AS property_id, p.property_code,
           p.street AS property_street, p.postal_code AS property_postal_code, p.city AS property_city
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN billing_group g ON g.code = c.billing_group
    JOIN customer u ON u.id = c.customer_id
    JOIN metering_point m ON m.id = c.metering_point_id
    JOIN property p ON p.id = m.property_id
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id
    """  # noqa: S608 - the names are those above
)

_PAYERS = text(
    f"""
    SELECT rc.contract_id, p.customer_id, p.weight, lower(p.valid) AS from_on, upper(p.valid) AS until_on,
           {_CUSTOMER}
    FROM billing_run_contract rc
    JOIN contract_payer p ON p.contract_id = rc.contract_id AND p.valid && rc.period
    JOIN customer u ON u.id = p.customer_id
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY p.id
    """  # noqa: S608 - the names are those above
)

# What is entered for a day inside the period counts for all of it; nothing entered: what was used lately.
_ANNUAL = text(
    """
    SELECT rc.contract_id, v.annual_m3, v.basis, v.factor
    FROM billing_run_contract rc
    CROSS JOIN LATERAL (
        SELECT annual_m3, basis, factor FROM annual_volume
        WHERE contract_id = rc.contract_id AND valid_from < upper(rc.period)
        ORDER BY valid_from DESC, id DESC LIMIT 1) v
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    """
)

_SITES = text(
    """
    SELECT rc.contract_id, s.valid_from, s.floor_area_m2, s.plot_area_m2, s.dwellings, s.building_type, s.marks
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN metering_point m ON m.id = c.metering_point_id
    JOIN property_site s ON s.property_id = m.property_id AND s.valid_from < upper(rc.period)
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, s.valid_from, s.id
    """
)

_ADJUSTMENTS = text(
    """
    SELECT id, contract_id, kind, parameters, reason FROM billing_adjustment
    WHERE contract_id = ANY(:ids) AND cancelled_at IS NULL AND (run_id IS NULL OR run_id = :run_id)
    ORDER BY id
    """
)

# Volumes billed on estimates or a konto that no document has given back; a document that was credited as a whole
# is as if it had never been. A credit for a leak stays given.
_OPEN_ESTIMATES = text(
    f"""
    SELECT i.contract_id, i.number, u.customer_no AS payer, l.component, l.point, lower(l.period) AS starts,
           upper(l.period) AS ends, l.quantity, l.unit, l.unit_price, l.price_base_quantity, l.net,
           l.vat_category, l.vat_rate, l.quality, l.trace
    FROM billing_run_contract rc
    JOIN invoice i ON i.contract_id = rc.contract_id AND i.kind = 'consumption' AND i.credits_id IS NULL
    JOIN customer u ON u.id = i.customer_id
    JOIN invoice_line l ON l.invoice_id = i.id AND l.quality = 'estimated' AND l.refers_to IS NULL
        AND l.unit = 'MTQ' AND l.quantity >= 0 AND lower(l.period) < upper(rc.period)
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
      AND NOT {wholly_credited()}
      AND NOT EXISTS (
          SELECT 1 FROM invoice_line r JOIN invoice j ON j.id = r.invoice_id
          WHERE r.refers_to = i.number AND r.component = l.component AND r.point IS NOT DISTINCT FROM l.point
            AND r.period = l.period AND r.quantity = -l.quantity AND r.net = -l.net
            AND NOT {wholly_credited("j")})
    ORDER BY i.id, l.position
    """  # noqa: S608 - the conditions are those of credits
)

_READ_SINCE = text(
    """
    SELECT w.contract_id
    FROM unnest(CAST(:ids AS int[]), CAST(:days AS date[])) AS w (contract_id, day)
    JOIN contract c ON c.id = w.contract_id
    WHERE EXISTS (
        SELECT 1 FROM installation i JOIN register_read r ON r.meter_id = i.meter_id AND r.at <@ i.valid
        WHERE i.metering_point_id = c.metering_point_id AND r.source <> 'installation'
          AND r.at >= CAST(w.day + 1 AS timestamp) AT TIME ZONE :zone)
    """
)
