"""What the readings API takes and gives."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Resolution(StrEnum):
    """How consumption is summed: UTC hours, or days and months of the utility's zone."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class ConsumptionValue(BaseModel):
    """Use in `[start, next start)`."""

    start: datetime
    volume_m3: Decimal = Field(examples=["0.123456"])
    quality: str = Field(
        description="The weakest of the hours in it: measured, interpolated, estimated or edited."
    )
    hours: int = Field(description="How many hours are known; the rest is missing.")
    by_quality: dict[str, int] = Field(
        description="How many hours are known in which way.", examples=[{"measured": 22, "estimated": 2}]
    )


class Consumption(BaseModel):
    """Consumption of a metering point; hours that are not known are left out."""

    point_code: str
    resolution: Resolution
    zone: str
    values: list[ConsumptionValue]


class Read(BaseModel):
    """A register read."""

    id: int
    manufacturer: str
    serial: str
    at: datetime
    volume_m3: Decimal
    source: str
    alarms: list[str]
    meter_at: datetime | None = Field(description="The meter's own clock, as it shows it.")
    set_aside: bool = Field(description="Somebody decided that it does not count; hours and bills rest on others.")


class Gap(BaseModel):
    """Hours in a row of a meter at a point without a value, or with an estimated one."""

    point_code: str
    start: datetime
    end: datetime
    kind: str = Field(description="`missing` or `estimated`")
    hours: int


class ManualSource(StrEnum):
    """Who took a read that no radio brought."""

    INSTALLATION = "installation"
    REMOVAL = "removal"
    UTILITY = "utility"
    CUSTOMER = "customer"


class NewManualRead(BaseModel):
    """A read taken by a person."""

    model_config = ConfigDict(extra="forbid")
    at: AwareDatetime
    volume_m3: Decimal = Field(ge=0, decimal_places=6, examples=["123.456"])
    source: ManualSource
    confirm: bool = Field(
        default=False, description="Store it although it is not plausible; not for reads by customers."
    )


class Plausibility(BaseModel):
    """What a read means before it is stored."""

    plausible: bool
    doubts: list[str] = Field(description="In words for the person who takes the read.")
    used_m3: Decimal | None = Field(description="Since the read before.")
    usual_m3_a_day: Decimal | None = Field(description="Of the eight weeks before.")
    previous_at: datetime | None
    previous_m3: Decimal | None
