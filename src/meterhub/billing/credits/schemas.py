"""What credits take and give over HTTP."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from meterhub.billing.schemas import VatSum

LONGEST_REASON = 500


class CreditRequest(BaseModel):
    """Lines to return, by position; none given returns all that are left."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "Meter read wrongly, billed again", "lines": [1, 2]}]},
    )

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]
    lines: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=10_000)] | None = None


class CreditLine(BaseModel):
    """A line as it is returned; `position` is the one on the credited document."""

    position: int
    component: str
    quantity: Decimal
    unit: str
    net: Decimal


class CreditPreview(BaseModel):
    """What a credit note would come to; `whole` tells that nothing of the document would be left."""

    number: str
    whole: bool
    lines: list[CreditLine]
    vat_groups: list[VatSum]
    net: Decimal
    vat: Decimal
    gross: Decimal


class CreditIssued(BaseModel):
    """A credit note that was issued."""

    number: str
    credits: str
    gross: Decimal


class CreditOut(BaseModel):
    """A credit of a document: why, by whom, which lines."""

    number: str
    reason: str
    created_by: str
    created_at: datetime
    positions: list[int]
    gross: Decimal
