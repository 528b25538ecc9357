"""What the API of the registers takes and gives: people's own names for things, never database ids."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from meterhub.kit.paging import PageParams

CONTROL_FREE = r"^[^\x00-\x1f\x7f]*$"
CODE = r"^[\w.:-]+$"

# A number or code that people gave; it stands in URLs, so it has neither blanks nor slashes.
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=CODE)]
# Finnish or Norwegian: 91-416-11-123, 3203-12/345/0/7.
PropertyCode = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[\w.:/-]+$")
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=CONTROL_FREE)]
PostalCode = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Z][0-9A-Z -]{2,9}$")]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$"),
]
Manufacturer = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{3}$")]
# Of a business, or of a mailbox with an operator or network.
Identifier = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=50, pattern=r"^[\w.:/@+-]+$")
]
# As the decoder writes it: eight digits, in rare meters with a to f among them.
Serial = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[0-9A-Fa-f]{8}$")]
Search = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=CONTROL_FREE)]


class SearchPage(PageParams):
    """A page of a list that can be searched; the cursor is the code of the last row seen."""

    search: Search = ""
    cursor: PropertyCode | None = None


class MeterSearchPage(SearchPage):
    """A page of meters."""

    cursor: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}:[0-9a-f]{8}$")] | None = None


class ContractPage(PageParams):
    """A page of contracts, all or those of a customer or a point."""

    customer_no: Code | None = None
    point_code: Code | None = None
    cursor: Code | None = None


class CustomerKind(StrEnum):
    """What a customer is."""

    PRIVATE = "private"
    COMPANY = "company"
    HOUSING_COMPANY = "housing_company"


class Language(StrEnum):
    """In which a customer is written to."""

    FINNISH = "fi"
    SWEDISH = "sv"
    BOKMAL = "nb"
    ENGLISH = "en"


class DeliveryChannel(StrEnum):
    """How a customer gets documents."""

    PAPER = "paper"
    EMAIL = "email"
    FINVOICE = "finvoice"
    EHF = "ehf"
    PEPPOL = "peppol"


_ELECTRONIC = (DeliveryChannel.FINVOICE, DeliveryChannel.EHF, DeliveryChannel.PEPPOL)


class PointService(StrEnum):
    """What a metering point is connected to."""

    WATER = "water"
    WASTEWATER = "wastewater"


class Given(BaseModel):
    """What callers send: a misspelt field is an error, and errors do not repeat the values."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, use_enum_values=True, from_attributes=True
    )


class _Shown(BaseModel):
    """What callers get, read from rows."""

    model_config = ConfigDict(from_attributes=True)


class CustomerValues(Given):
    """All that is kept of a customer but the number."""

    kind: CustomerKind = CustomerKind.PRIVATE
    name: Line = Field(examples=["Maija Meikäläinen"])
    street: Line = Field(examples=["Vesikuja 2 as 1"])
    postal_code: PostalCode = Field(examples=["04200"])
    city: Line = Field(examples=["Mallila"])
    email: Email | None = Field(default=None, examples=["maija@example.org"])
    language: Language = Language.FINNISH
    delivery_channel: DeliveryChannel = DeliveryChannel.PAPER
    einvoice_address: Identifier | None = Field(default=None, examples=["003712345671"])
    einvoice_operator: Identifier | None = Field(default=None, examples=["003721291126"])
    business_id: Identifier | None = Field(default=None, examples=["1234567-1"])
    billing_name: Line | None = Field(default=None, description="to whom bills are addressed, if to another")
    billing_street: Line | None = None
    billing_postal_code: PostalCode | None = None
    billing_city: Line | None = None

    @model_validator(mode="after")
    def _can_be_delivered(self) -> "CustomerValues":
        given = [self.billing_street, self.billing_postal_code, self.billing_city]
        if any(given) and not all(given):
            raise ValueError("a billing address has street, postal code and city")
        if self.delivery_channel == DeliveryChannel.EMAIL and not self.email:
            raise ValueError("delivery by email needs an email address")
        if self.delivery_channel in _ELECTRONIC and not self.einvoice_address:
            raise ValueError(f"delivery by {self.delivery_channel} needs an einvoice_address")
        if self.delivery_channel == DeliveryChannel.FINVOICE and not self.einvoice_operator:
            raise ValueError("delivery by finvoice needs an einvoice_operator")
        return self


class Customer(CustomerValues):
    """Who has contracts and gets invoices."""

    customer_no: Code = Field(examples=["C-10001"])


class PropertyValues(Given):
    """A property's address."""

    street: Line = Field(examples=["Vesikuja 2"])
    postal_code: PostalCode = Field(examples=["04200"])
    city: Line = Field(examples=["Mallila"])


class Property(PropertyValues):
    """What metering points stand on."""

    property_code: PropertyCode = Field(examples=["245-1-10-7"])


class NewMeteringPoint(Given):
    """A place where usage is measured; it outlives its meters."""

    point_code: Code = Field(examples=["P-10001"])
    property_code: PropertyCode = Field(examples=["245-1-10-7"])
    services: list[PointService] = Field(
        default=[PointService.WATER, PointService.WASTEWATER], min_length=1, max_length=2
    )
    deducts_from: Code | None = Field(
        default=None, description="a deduct meter: the point whose wastewater is less by what is measured here"
    )


class MeterValues(Given):
    """What kind of meter it is."""

    device_version: int | None = Field(default=None, ge=0, le=255, examples=[27])
    device_type: int | None = Field(default=None, ge=0, le=255, examples=[22])
    model: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=CONTROL_FREE)] = Field(
        default="", examples=["Multical 21"]
    )
    digits: int = Field(default=5, ge=3, le=9, description="whole cubic metres shown before the rollover [digits]")
    size_mm: int | None = Field(default=None, ge=10, le=1000, description="nominal size DN [mm]", examples=[20])
    q3_m3h: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=3)] | None = Field(
        default=None, description="permanent flow Q3 [m³/h]", examples=["2.5"]
    )


class Meter(MeterValues):
    """A meter as it is registered."""

    manufacturer: Manufacturer = Field(examples=["KAM"])
    serial: Serial = Field(examples=["76348799"])


class MeterDetails(Meter):
    """A meter, where it is, and whether its telegrams can be read."""

    point_code: str | None = Field(description="where it is installed now")
    key_count: int = Field(description="how many keys are kept; they themselves are never shown")


class KeyUpload(Given):
    """A meter's key as its manufacturer gives it."""

    key: SecretStr = Field(description="32 hex digits", examples=["00112233445566778899AABBCCDDEEFF"])


class KeyStatus(_Shown):
    """What is told of a meter's keys."""

    key_count: int
    since_at: AwareDatetime | None = Field(description="since when the newest is kept; null without any")


class NewInstallation(Given):
    """A meter put at a metering point."""

    manufacturer: Manufacturer = Field(examples=["KAM"])
    serial: Serial = Field(examples=["76348799"])
    point_code: Code = Field(examples=["P-10001"])
    installed_at: AwareDatetime = Field(examples=["2026-03-02T08:15:00Z"])


class Removal(Given):
    """When the meter at a point is taken out."""

    removed_at: AwareDatetime = Field(examples=["2031-03-02T08:15:00Z"])


class Exchange(Given):
    """The meter that takes the place of another, and when."""

    manufacturer: Manufacturer = Field(examples=["KAM"])
    serial: Serial = Field(examples=["76348800"])
    exchanged_at: AwareDatetime = Field(examples=["2031-03-02T08:15:00Z"])


class Installation(_Shown):
    """A meter at a point from one instant up to, not including, another (null: still there)."""

    manufacturer: str
    serial: str
    point_code: str
    installed_at: AwareDatetime
    removed_at: AwareDatetime | None


class NewContract(Given):
    """Who pays for a metering point from a day on."""

    contract_no: Code = Field(examples=["A-10001"])
    customer_no: Code = Field(examples=["C-10001"])
    point_code: Code = Field(examples=["P-10001"])
    start_on: date = Field(examples=["2026-01-01"])
    billing_group: Code = Field(default="quarterly", examples=["quarterly"])


class ContractEnd(Given):
    """The first day that a contract no longer covers."""

    end_on: date = Field(examples=["2027-07-01"])


class Contract(_Shown):
    """A customer's contract on a point for the days `[start_on, end_on)`; null: open."""

    contract_no: str
    customer_no: str
    point_code: str
    start_on: date
    end_on: date | None
    billing_group: str
    regime: str | None


class PointSummary(_Shown):
    """A metering point in a list, with the meter that is there now."""

    point_code: str
    property_code: str
    street: str
    postal_code: str
    city: str
    services: list[str]
    deducts_from: str | None
    manufacturer: str | None
    serial: str | None


class PointContract(_Shown):
    """A contract on a point; the customer is shown only to those who may see customers."""

    contract_no: str
    start_on: date
    end_on: date | None
    billing_group: str
    customer_no: str | None
    customer_name: str | None


class PointDetails(PointSummary):
    """A metering point with all its meters and contracts, newest first."""

    installations: list[Installation]
    contracts: list[PointContract]
