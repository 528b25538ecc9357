"""What billing takes and gives over HTTP; amounts and prices are decimal strings, days ISO dates."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Service, TariffVersion
from meterhub.billing.rating.price_checks import parameters_of
from meterhub.billing.rating.tariffs import MAX_PRICE_DECIMALS

Price = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=MAX_PRICE_DECIMALS)]
Code = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
# Days within which calendars, time zones and the database agree, with room for terms.
Day = Annotated[date, Field(ge=date(1900, 1, 1), lt=date(3000, 1, 1))]
Period = Annotated[tuple[Day, Day], Field(description="Half-open: from the first day to the day after.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Versioned(_Body):
    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_start(self) -> "_Versioned":
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} is not after valid_from {self.valid_from}")
        return self


class TariffVersionIn(_Versioned):
    """A price of one component while it is in force; `parameters` are those of its kind.

    `announced_on` is the day on which customers were told of the change; a price taken over with the history
    of an earlier system has none.
    """

    component: Code
    kind: Annotated[str, Field(json_schema_extra={"enum": list(KINDS)})]
    service: Literal["water", "wastewater", "stormwater"] | None = None
    net_price: Price = Decimal(0)
    per: Literal["year", "month"] = "year"
    vat_code: Code
    parameters: dict[str, Any] = {}
    announced_on: date | None = None
    ledger_account: Annotated[str, Field(min_length=1, max_length=40)] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "TariffVersionIn":
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"component {self.component!r}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        if kind.needs_service and self.service not in tuple(Service):
            raise ValueError(
                f"component {self.component!r} is {self.kind}: it needs a service, water or wastewater"
            )
        has_price = "net_price" in self.model_fields_set
        try:
            priced = kind.priced(parameters_of(self.kind, self.per, self.parameters))
        except RatingError as error:
            raise ValueError(f"component {self.component!r}: {error}") from error
        if priced and not has_price:
            raise ValueError(f"component {self.component!r}: rate_missing: net_price is missing")
        if not priced and self.net_price:
            raise ValueError(
                f"component {self.component!r}: net_price {self.net_price}: its parameters hold the prices"
            )
        return self

    def rated(self) -> TariffVersion:
        """Return the version as rating takes it."""
        return TariffVersion(
            code=self.component,
            kind=self.kind,
            net_price=self.net_price,
            vat_code=self.vat_code,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            service=self.service,
            parameters=parameters_of(self.kind, self.per, self.parameters),
        )


class VatRateIn(_Versioned):
    """A VAT rate [%] while in force; category O (EN 16931) may not share a document, so no price list has it."""

    code: Code
    category: Literal["S", "E", "Z"]
    rate: Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]


class TariffDocument(_Body):
    """A price list, or additions to one; what is stored already is recognised and left as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "example-town",
                    "name": "Example town",
                    "country": "FI",
                    "currency": "EUR",
                    "versions": [
                        {
                            "component": "WATER",
                            "kind": "volumetric",
                            "service": "water",
                            "net_price": "1.44",
                            "vat_code": "standard",
                            "valid_from": "2024-09-01",
                        }
                    ],
                    "vat": [{"code": "standard", "category": "S", "rate": "25.5", "valid_from": "2024-09-01"}],
                }
            ]
        },
    )

    code: Code
    name: Annotated[str, Field(min_length=1, max_length=200)]
    country: Literal["FI", "NO"]
    currency: Literal["EUR", "NOK"]
    versions: list[TariffVersionIn]
    vat: list[VatRateIn] = []


class TariffImport(BaseModel):
    """What an import changed."""

    code: str
    added: int
    closed: int
    unchanged: int


class TariffOut(BaseModel):
    """A price list with all its versions, and the VAT rates of its country."""

    code: str
    name: str
    country: str
    currency: str
    versions: list[TariffVersionIn]
    vat: list[VatRateIn]


class VatSum(BaseModel):
    """What a VAT rate comes to over all documents of a run."""

    category: str
    rate: Decimal
    base: Decimal
    vat: Decimal


class InvoiceOut(BaseModel):
    """An issued document in a list; `credits` is the number of the document that a credit note returns."""

    number: str
    type: str
    kind: str
    run_id: int | None
    contract_no: str | None
    customer_no: str
    customer_name: str
    credits: str | None
    period: tuple[date, date] | None
    issued_on: date
    due_on: date
    reference: str
    currency: str
    net: Decimal
    vat: Decimal
    gross: Decimal


class InvoiceLineOut(BaseModel):
    """A line as issued; `trace` holds every number that entered it."""

    position: int
    component: str
    point: str | None
    period: tuple[date, date] | None
    quantity: Decimal
    unit: str
    unit_price: Decimal
    price_base_quantity: Decimal
    net: Decimal
    vat_category: str
    vat_rate: Decimal
    quality: str | None
    refers_to: str | None
    trace: dict[str, Any]  # Any: one shape a kind of line, see meterhub.billing.rating.traces


class InvoiceDetail(InvoiceOut):
    """An issued document with lines, VAT groups and the inputs it was computed from."""

    lines: list[InvoiceLineOut]
    vat_groups: list[VatSum]
    snapshot: dict[str, Any]  # Any: see meterhub.billing.runs.snapshot
