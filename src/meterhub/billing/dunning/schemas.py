"""What dunning takes and gives over HTTP."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from meterhub.billing.dunning.claims import Claim
from meterhub.billing.dunning.interest import MINIMUM, Proposed
from meterhub.billing.dunning.reminders import Proposals
from meterhub.billing.schemas import Code, Day
from meterhub.kit.money import ZERO

Reason = Annotated[str, Field(min_length=1, max_length=500)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BatchRequest(_Body):
    """What is due on a day, from an open amount on; `expected` is the number that the preview showed."""

    as_of: Day
    at_least: Amount = ZERO
    expected: Annotated[int, Field(ge=0)] | None = None


class InterestRequest(_Body):
    """Interest up to and including a day; below `minimum` a customer gets no bill and the days wait."""

    until: Day
    issued_on: Day
    minimum: Amount = MINIMUM
    expected: Annotated[int, Field(ge=0)] | None = None


class ContractStep(_Body):
    """A step about the water of a contract, and why."""

    on: Day
    reason: Reason = "unpaid in spite of a reminder"


class OrderRequest(_Body):
    """An order to close the water, with the products that are billed for closing and opening it."""

    on: Day
    tariff: Code = Field(description="the price list that has the products")
    products: Annotated[list[Code], Field(max_length=10)] = []


class TakeBack(_Body):
    """A claim taken back from collection."""

    on: Day
    reason: Reason


class RateIn(_Body):
    """The rate of late interest of a half-year [% a year], with where it was published."""

    country: Literal["FI", "NO"]
    basis: Literal["consumer", "business"]
    half_year: Annotated[str, Field(examples=["2026H2"])]
    rate: Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
    source: Reason


class FeeIn(_Body):
    """A fee of a step for a kind of customer from a day on."""

    country: Literal["FI", "NO"]
    customer_kind: Literal["private", "company", "housing_company"]
    step: Literal["reminder_1", "reminder_2"]
    amount: Amount
    valid_from: Day


class ClaimOut(BaseModel):
    """An open receivable and what may be done about it."""

    invoice: str
    customer_no: str
    customer_name: str
    due_on: date
    open_amount: Decimal
    step: str | None
    fee: Decimal
    stopped: str | None


class StepsOut(BaseModel):
    """What is due on a day, what it comes to, and what is held back and why."""

    batch_id: int | None
    as_of: date
    count: int
    open_amount: Decimal
    fees: Decimal
    steps: list[ClaimOut]
    held_back: list[ClaimOut]


class InterestBillOut(BaseModel):
    """The interest of one customer."""

    customer_no: str
    customer_name: str
    receivables: int
    amount: Decimal
    invoice: str | None = None


class InterestOut(BaseModel):
    """Interest that is to be billed, or was."""

    until: date
    count: int
    amount: Decimal
    too_small: int
    bills: list[InterestBillOut]
    held_back: list[tuple[str, str]]


class EventOut(BaseModel):
    """A step that was taken."""

    id: int
    step: str
    happened_on: date
    acts_on: date | None
    open_amount: Decimal
    fee: Decimal
    reason: str
    batch_id: int | None
    customer_no: str
    customer_name: str
    invoice: str | None
    contract_no: str | None
    has_letter: bool
    created_at: datetime
    created_by: str


class BatchOut(BaseModel):
    """A batch of reminders, interest bills or claims handed over."""

    id: int
    kind: str
    as_of: date
    documents: int
    amount: Decimal
    created_at: datetime
    created_by: str


class CourseOut(BaseModel):
    """How far closing the water of a contract is."""

    contract_no: str
    steps: dict[str, date]
    closes_from: date | None
    arrears: Decimal


class ClosesFrom(BaseModel):
    """The first day on which the water may be closed."""

    closes_from: date


class Ordered(BaseModel):
    """An order, and the invoice of its fees."""

    invoice: str | None


def steps_out(proposals: Proposals, batch_id: int | None = None) -> StepsOut:
    """Return proposals as they are shown."""
    return StepsOut(
        batch_id=batch_id,
        as_of=proposals.as_of,
        count=len(proposals.steps),
        open_amount=sum((one.claim.open_amount for one in proposals.steps), ZERO),
        fees=proposals.fees,
        steps=[_claim(one.claim, one.step, one.fee) for one in proposals.steps],
        held_back=[_claim(claim, None, ZERO) for claim in proposals.held_back],
    )


def interest_out(proposed: Proposed, numbers: list[str] | None = None) -> InterestOut:
    """Return interest as it is shown; `numbers` are those of the invoices, if issued."""
    issued: list[str | None] = [*numbers] if numbers else [None] * len(proposed.bills)
    return InterestOut(
        until=proposed.until,
        count=len(proposed.bills),
        amount=proposed.amount,
        too_small=proposed.too_small,
        bills=[
            InterestBillOut(
                customer_no=bill.customer_no,
                customer_name=bill.customer_name,
                receivables=len(bill.charged),
                amount=bill.document.gross,
                invoice=number,
            )
            for bill, number in zip(proposed.bills, issued, strict=True)
        ],
        held_back=list(proposed.held_back),
    )


def _claim(claim: Claim, step: str | None, fee: Decimal) -> ClaimOut:
    return ClaimOut(
        invoice=claim.number,
        customer_no=claim.customer_no,
        customer_name=claim.customer_name,
        due_on=claim.due_on,
        open_amount=claim.open_amount,
        step=step,
        fee=fee,
        stopped=claim.stopped,
    )
