"""How contracts are billed: groups, regimes, payers, annual volumes, and what fees go by."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from meterhub.assets.schemas import Code, Given, Line, PropertyCode

Weight = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=6)]
Volume = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=3)]
Area = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class Regime(StrEnum):
    """Where the volume of a bill comes from."""

    AMR = "amr"
    ESTIMATE = "estimate"
    AKONTO = "akonto"
    STIPULATED = "stipulated"


class VolumeSource(StrEnum):
    """How an annual volume came to be."""

    INITIAL = "initial"
    READ = "read"
    REPORTED = "reported"
    CLERK = "clerk"
    STIPULATED = "stipulated"


class BillingGroup(Given):
    """Contracts that are billed together: how often [months; null: as asked], and their usual regime."""

    code: Code = Field(examples=["quarterly"])
    name: Line = Field(examples=["Every quarter"])
    months: int | None = Field(default=None, ge=1, le=12)
    regime: Regime = Regime.AMR


class ContractBilling(Given):
    """The group of a contract, and its regime where that is not the group's."""

    billing_group: Code = Field(examples=["quarterly"])
    regime: Regime | None = None


class Payer(Given):
    """A customer who pays a part of a contract's bills, by weight."""

    customer_no: Code = Field(examples=["C-10001"])
    weight: Weight = Field(default=Decimal(1), examples=["40"])


class PayersFrom(Given):
    """Who pays from a day on; nobody named: the contract's own customer."""

    from_on: date = Field(examples=["2026-01-01"])
    payers: list[Payer] = Field(max_length=200)

    @model_validator(mode="after")
    def _once_each(self) -> "PayersFrom":
        if len({payer.customer_no for payer in self.payers}) != len(self.payers):
            raise ValueError("a customer is named twice")
        return self


class PayerSpan(Payer):
    """A payer for the days `[from_on, until_on)`; null: open."""

    from_on: date
    until_on: date | None


class NewAnnualVolume(Given):
    """What a contract is expected to use in a year [m³], or an assumed basis times a factor, from a day on."""

    valid_from: date = Field(examples=["2026-01-01"])
    annual_m3: Volume | None = Field(default=None, examples=["180"])
    basis: Area | None = Field(default=None, examples=["120"])
    factor: Area | None = Field(default=None, examples=["1.2"])
    source: VolumeSource = VolumeSource.CLERK

    @model_validator(mode="after")
    def _volume_or_product(self) -> "NewAnnualVolume":
        product = self.basis is not None and self.factor is not None
        if (self.annual_m3 is None) != product or (self.basis is None) != (self.factor is None):
            raise ValueError("give annual_m3, or basis and factor")
        return self


class AnnualVolume(NewAnnualVolume):
    """An annual volume as kept; of several from one day the last counts."""

    created_at: AwareDatetime
    created_by: str


class NewSite(Given):
    """What fees of a property go by from a day on: sizes, dwellings, what it is, and its marks."""

    property_code: PropertyCode = Field(examples=["245-1-10-7"])
    valid_from: date = Field(examples=["2026-01-01"])
    floor_area_m2: Area | None = Field(default=None, examples=["150"])
    plot_area_m2: Area | None = Field(default=None, examples=["1200"])
    dwellings: int | None = Field(default=None, ge=0, le=100_000)
    building_type: Code | None = Field(default=None, examples=["detached"])
    marks: list[Code] = Field(default_factory=list, max_length=50, examples=[["combined-sewer"]])


class ImportedPayer(Payer):
    """A payer of a contract for some days."""

    contract_no: Code = Field(examples=["A-10001"])
    from_on: date
    until_on: date | None = None


class ImportedAnnualVolume(NewAnnualVolume):
    """An annual volume of a contract."""

    contract_no: Code = Field(examples=["A-10001"])
    source: VolumeSource = VolumeSource.INITIAL
