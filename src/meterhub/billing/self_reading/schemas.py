"""What self-reading takes and gives over HTTP."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from meterhub.billing.schemas import Code, Day


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CampaignIn(_Body):
    """Whom to ask: contracts of a group, or all, whose meters nobody has read for so many days."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    asked_on: Day
    due_on: Day
    billing_group: Code | None = None
    unread_days: Annotated[int, Field(ge=0, le=3650)] = 300


class CampaignOut(BaseModel):
    """A campaign and how far it is."""

    id: int
    name: str
    asked_on: date
    due_on: date
    asked: int
    reminded: int
    answered: int
    created_at: datetime
    created_by: str


class RequestOut(BaseModel):
    """A contract that was asked."""

    id: int
    contract_no: str
    customer_no: str
    customer_name: str
    point_code: str
    reminded_on: date | None
    answered_at: datetime | None


class RemindedOut(BaseModel):
    """How many were noted as reminded."""

    reminded: int


class RemindIn(_Body):
    """The day of the reminder."""

    on: Day


class ReportIn(_Body):
    """A register that a customer told a clerk."""

    contract_no: Annotated[str, Field(min_length=1, max_length=60)]
    read_on: Day
    volume_m3: Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=3, examples=["1234.567"])]
    confirmed: bool = False


class ReportOut(BaseModel):
    """What was thought of a report, and whether it is a read now; volumes in m³."""

    verdict: str
    taken: bool
    needs_confirmation: bool
    used_m3: Decimal | None
    expected_m3: Decimal | None
    suggested_m3: Decimal | None
