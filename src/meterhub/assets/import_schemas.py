"""What an import of registers takes and gives."""

from datetime import date

from pydantic import AwareDatetime, BaseModel, Field, SecretStr

from meterhub.assets.account_schemas import (
    BillingGroup,
    ImportedAnnualVolume,
    ImportedPayer,
    NewSite,
    Regime,
)
from meterhub.assets.schemas import (
    Customer,
    Given,
    Meter,
    NewContract,
    NewInstallation,
    NewMeteringPoint,
    Property,
)


class ImportedInstallation(NewInstallation):
    """An installation that may be over."""

    removed_at: AwareDatetime | None = None


class ImportedContract(NewContract):
    """A contract that may be over."""

    end_on: date | None = None
    regime: Regime | None = None


class ImportedMeter(Meter):
    """A meter, with its key where the manufacturer's file has it."""

    key: SecretStr | None = Field(default=None, examples=["00112233445566778899AABBCCDDEEFF"])


class RegistersImport(Given):
    """Registers in one document; each section may be left out."""

    properties: list[Property] = Field(default_factory=list)
    customers: list[Customer] = Field(default_factory=list)
    metering_points: list[NewMeteringPoint] = Field(default_factory=list)
    meters: list[ImportedMeter] = Field(default_factory=list)
    installations: list[ImportedInstallation] = Field(default_factory=list)
    billing_groups: list[BillingGroup] = Field(default_factory=list)
    contracts: list[ImportedContract] = Field(default_factory=list)
    payers: list[ImportedPayer] = Field(default_factory=list)
    annual_volumes: list[ImportedAnnualVolume] = Field(default_factory=list)
    sites: list[NewSite] = Field(default_factory=list)


class SectionResult(BaseModel):
    """What an import did to one section."""

    added: int
    unchanged: int


class ImportResult(BaseModel):
    """What an import did."""

    properties: SectionResult
    customers: SectionResult
    metering_points: SectionResult
    meters: SectionResult
    keys: SectionResult
    installations: SectionResult
    billing_groups: SectionResult
    contracts: SectionResult
    payers: SectionResult
    annual_volumes: SectionResult
    sites: SectionResult
