"""What other bills take and give over HTTP."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from meterhub.billing.schemas import Code, Day

Note = Annotated[str, Field(max_length=500)]


class Purpose(StrEnum):
    """What a bill is for."""

    CONNECTION = "connection"
    WORK = "work"
    BUILDING_SUPERVISION = "building_supervision"
    SERVICE = "service"
    READING_SERVICE = "reading_service"


class ItemIn(BaseModel):
    """So much of a product; a quantity below zero gives back."""

    model_config = ConfigDict(extra="forbid")

    component: Code
    quantity: Annotated[Decimal, Field(max_digits=12, decimal_places=3)]
    note: Note = ""


class OtherBillIn(BaseModel):
    """A draft: whom, for what, from which list, delivered when (that day's prices and VAT)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "purpose": "connection",
                    "customer_no": "C00001",
                    "tariff": "town",
                    "delivered_on": "2026-05-04",
                    "permit_no": "RAK-2026-17",
                    "items": [{"component": "CONNECTION_WATER", "quantity": "150"}],
                }
            ]
        },
    )

    purpose: Purpose
    customer_no: Annotated[str, Field(min_length=1, max_length=60)]
    tariff: Code
    delivered_on: Day
    property_code: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    permit_no: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    note: Note = ""
    items: Annotated[list[ItemIn], Field(min_length=1, max_length=200)]


class LineOut(BaseModel):
    """A line of a bill as it would be issued."""

    component: str
    name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    vat_rate: Decimal


class Priced(BaseModel):
    """What a draft comes to."""

    currency: str
    lines: list[LineOut]
    net: Decimal
    vat: Decimal
    gross: Decimal


class OtherBillOut(BaseModel):
    """A draft or what became of it."""

    id: int
    state: str
    purpose: Purpose
    customer_no: str
    customer_name: str
    tariff: str
    delivered_on: date
    property_code: str | None
    permit_no: str | None
    note: str
    invoice: str | None
    created_at: datetime
    created_by: str
    settled_by: str | None


class OtherBillDetail(OtherBillOut):
    """A draft with its items and what it comes to."""

    items: list[ItemIn]
    priced: Priced


class ProductOut(BaseModel):
    """A product of a price list on a day."""

    component: str
    names: dict[str, str]
    net_price: Decimal
    unit: str
    vat_code: str
    needs_permit: bool


class IssueRequest(BaseModel):
    """When a bill is issued and due; the due day by default after the lawful term."""

    model_config = ConfigDict(extra="forbid")

    issued_on: Day
    due_on: Day | None = None


class IssuedOut(BaseModel):
    """The invoice that a draft became."""

    id: int
    invoice: str
    gross: Decimal
    due_on: date
