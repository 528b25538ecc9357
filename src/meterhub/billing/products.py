"""Products of a price list: what they cost on a day, and the document that a list of them comes to.

A snapshot of items holds all that its document is computed from, so it can be computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing import repository
from meterhub.billing.rating.model import Country, Document, Item, Quote, VatVersion
from meterhub.billing.rating.quoting import quote
from meterhub.billing.rating.tariffs import PriceList
from meterhub.errors import BadInput, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import ONE_DAY, DateRange
from meterhub.kit.values import Json
from meterhub.settings import Settings

SCHEMA = 1
KIND = "one_off"


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its net price on a day; `names` by language."""

    version_id: int
    code: str
    net_price: Decimal
    unit: str
    vat_code: str
    names: Mapping[str, str]
    needs_permit: bool
    ledger_account: str | None

    def name(self, language: str) -> str:
        """Return what it is called in a language, else in any, else by its code."""
        return self.names.get(language) or next(
            iter(self.names.values()), self.code.replace("_", " ").capitalize()
        )


@dataclass(frozen=True, slots=True)
class Ordered:
    """So much of a product, with words of the clerk."""

    code: str
    quantity: Decimal
    note: str = ""


def find_tariff(connection: Connection, code: str) -> AnyRow:
    """Return the head of a price list; raise NotFound."""
    tariff = repository.tariff_by_code(connection, code)
    if tariff is None:
        raise NotFound(f"there is no tariff {code!r}")
    return tariff


def products_on(connection: Connection, tariff_id: int, on: date) -> dict[str, Product]:
    """Return the products that a list has on a day."""
    found = {}
    for row in repository.tariff_versions(connection, tariff_id):
        if row.kind == KIND and row.valid_from <= on and (row.valid_to is None or on < row.valid_to):
            found[row.component] = Product(
                version_id=row.id,
                code=row.component,
                net_price=row.net_price,
                unit=row.parameters.get("unit", "C62"),
                vat_code=row.vat_code,
                names=row.parameters.get("names") or {},
                needs_permit=bool(row.parameters.get("needs_permit")),
                ledger_account=row.ledger_account,
            )
    return found


def snapshot_of(
    connection: Connection,
    settings: Settings,
    customer_id: int,
    tariff: AnyRow,
    on: date,
    ordered: Sequence[Ordered],
    more: Json | None = None,
) -> Json:
    """Return everything a bill of products depends on; raise BadInput naming products without a price."""
    products = products_on(connection, tariff.id, on)
    missing = sorted({one.code for one in ordered} - products.keys())
    if missing:
        message = f"the price list {tariff.code!r} has no product {', '.join(missing)} on {on}"
        raise BadInput(message, fields={"items": message})
    customer = customer_json(connection, customer_id)
    chosen = [products[one.code] for one in ordered]
    return {
        "schema": SCHEMA,
        "country": tariff.country,
        "currency": tariff.currency,
        "on": on.isoformat(),
        "zone": settings.zone,
        "seller": settings.utility.model_dump(),
        "customer": customer,
        "tariff": {"id": tariff.id, "code": tariff.code, "name": tariff.name},
        "items": [
            {
                "version_id": product.version_id,
                "code": product.code,
                "quantity": str(one.quantity),
                "unit": product.unit,
                "net_price": str(product.net_price),
                "vat_code": product.vat_code,
                "note": one.note,
                "ledger_account": product.ledger_account,
            }
            for one, product in zip(ordered, chosen, strict=True)
        ],
        "vat": [
            {"id": row.id, "code": row.code, "category": row.category, "rate": str(row.rate)}
            for row in repository.vat_rates(connection, tariff.country)
            if row.valid_from <= on and (row.valid_to is None or on < row.valid_to)
        ],
        "component_names": {product.code: product.name(customer["language"]) for product in chosen},
        **(more or {}),
    }


def document_of(snapshot: Json) -> Document:
    """Compute the document of a snapshot of items; raises RatingError."""
    on = date.fromisoformat(snapshot["on"])
    vat = [
        VatVersion(one["code"], one["category"], Decimal(one["rate"]), on, ref=one.get("id"))
        for one in snapshot["vat"]
    ]
    result = quote(
        Quote(
            country=Country(snapshot["country"]),
            currency=snapshot["currency"],
            period=DateRange(on, on + ONE_DAY),
            prices=PriceList.of([], vat),
            items=tuple(
                Item(
                    code=one["code"],
                    quantity=Decimal(one["quantity"]),
                    net_price=Decimal(one["net_price"]),
                    vat_code=one["vat_code"],
                    unit=one["unit"],
                    on=on,
                )
                for one in snapshot["items"]
            ),
        )
    )
    (document,) = result.documents
    return document


def customer_json(connection: Connection, customer_id: int) -> Json:
    """Return a customer as frozen into snapshots; raise NotFound."""
    row = connection.execute(_CUSTOMER, {"id": customer_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no customer with the id {customer_id}")
    return dict(row._mapping)


_CUSTOMER = text(
    "SELECT customer_no, kind, name, street, postal_code, city, language, delivery_channel, email, business_id, "
    "einvoice_address, einvoice_operator, billing_name, billing_street, billing_postal_code, billing_city "
    "FROM customer WHERE id = :id"
)
