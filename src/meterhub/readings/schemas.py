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
    quality: str = Field(description="The weakest of the hours in it: measured, interpolated or estimated.")
    hours: int = Field(description="How many hours are known; the rest is missing.")


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
