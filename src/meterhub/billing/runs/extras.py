"""What clerks add to bills, as it enters the snapshot: one-offs, leak credits, credits for interruptions; pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from meterhub.kit.db import AnyRow
from meterhub.kit.money import share
from meterhub.kit.values import Json

Amount = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=6)]
Quantity = Annotated[Decimal, Field(max_digits=14, decimal_places=6)]
Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]


class Kind(StrEnum):
    """What a clerk may add to a bill."""

    ITEM = "item"
    LEAK_CREDIT = "leak_credit"
    INTERRUPTION_CREDIT = "interruption_credit"


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ItemParameters(_Parameters):
    """A one-off: a charge, or a credit by a negative quantity; `on` decides the VAT rate (null: the last day)."""

    code: Word
    quantity: Quantity = Decimal(1)
    net_price: Amount
    vat_code: Word
    unit: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,3}$")] = "C62"
    on: date | None = None


class LeakCreditParameters(_Parameters):
    """A credit of what a component bills above normal use."""

    component: Word
    normal_annual_m3: Amount
    percent: Annotated[Decimal, Field(gt=0, le=100)] = Decimal(100)
    cap_m3: Amount | None = None


class InterruptionParameters(_Parameters):
    """A share of the annual fees for an interruption of supply (Finland: at least 2 % beyond 12 hours)."""

    annual_fees_net: Amount
    percent: Annotated[Decimal, Field(gt=0, le=100)] = Decimal(2)
    hours: Annotated[Decimal, Field(gt=0)]
    vat_code: Word
    on: date | None = None


PARAMETERS: dict[Kind, type[_Parameters]] = {
    Kind.ITEM: ItemParameters,
    Kind.LEAK_CREDIT: LeakCreditParameters,
    Kind.INTERRUPTION_CREDIT: InterruptionParameters,
}
INTERRUPTION = "INTERRUPTION_CREDIT"


def extras_of(adjustments: Sequence[AnyRow]) -> tuple[Json, list[int]]:
    """Return the items and the leak credit of a bill, and the adjustments taken up; a second leak credit waits."""
    items: list[Json] = []
    leak: Json | None = None
    taken: list[int] = []
    for row in adjustments:
        given = PARAMETERS[Kind(row.kind)].model_validate(row.parameters)
        if isinstance(given, LeakCreditParameters):
            if leak is not None:
                continue
            leak = given.model_dump(mode="json")
        elif isinstance(given, ItemParameters):
            items.append(given.model_dump(mode="json"))
        elif isinstance(given, InterruptionParameters):
            items.append(_interruption(given))
        taken.append(row.id)
    made: dict[str, Any] = {}
    if items:
        made["items"] = items
    if leak is not None:
        made["leak_credit"] = leak
    return made, taken


def _interruption(given: InterruptionParameters) -> Json:
    credit = share(given.annual_fees_net, given.percent)
    made = ItemParameters(
        code=INTERRUPTION, quantity=Decimal(-1), net_price=credit, vat_code=given.vat_code, on=given.on
    )
    return made.model_dump(mode="json")
