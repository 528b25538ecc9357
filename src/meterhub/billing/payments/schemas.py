"""What REST takes and gives for money in and out."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Reason = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=500)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SkippedOut(BaseModel):
    """An entry of a bank file that is no payment to us."""

    where: str
    why: str
    amount: Decimal
    currency: str


class ImportOut(_Row):
    """What a bank file brought; `already` if it was imported before and nothing happened now."""

    file_id: int
    format: str
    key: str
    already: bool
    count: int
    total: Decimal
    matched_count: int
    matched: Decimal
    waiting_count: int
    waiting: Decimal
    repeated_count: int
    repeated: Decimal
    suspected: int
    skipped: list[SkippedOut]
    by_rule: dict[str, int]


class FileOut(_Row):
    """An imported bank file with its control total, and where its money is now."""

    id: int
    format: str
    key: str
    name: str
    created_on: date
    count: int
    total: Decimal
    repeated_count: int
    repeated_total: Decimal
    posted: Decimal
    waiting_count: int
    waiting: Decimal
    aside: Decimal
    skipped: list[SkippedOut]
    imported_at: datetime
    imported_by: str


class PaymentOut(_Row):
    """A payment as the bank told it, what is posted of it, and why it waits if it does."""

    id: int
    file_id: int | None
    place: str
    nature: str
    amount: Decimal
    posted: Decimal
    currency: str
    booked_on: date
    paid_on: date
    account: str
    reference: str
    message: str
    payer: str
    bank_id: str
    end_to_end_id: str
    queued: bool
    why: str | None
    duplicate_of_id: int | None
    set_aside_at: datetime | None
    set_aside_by: str | None
    set_aside_reason: str | None


class PostedOut(_Row):
    """A ledger entry of a payment."""

    id: int
    customer_no: str
    kind: str
    amount: Decimal
    booked_on: date
    text: str
    created_by: str
    reversed_by: int | None


class SuggestionOut(_Row):
    """An account that a payment may belong to, and why."""

    customer_no: str
    customer_name: str
    entry_id: int | None
    number: str | None
    open_amount: Decimal
    why: list[str]


class PaymentDetail(PaymentOut):
    """A payment with where it was posted and, while it waits, whose it may be."""

    entries: list[PostedOut]
    suggestions: list[SuggestionOut]


class PaymentIn(_Body):
    """A payment entered by hand."""

    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]
    booked_on: date
    paid_on: date | None = None
    reference: Annotated[str, Field(max_length=35)] = ""
    payer: Annotated[str, Field(max_length=70)] = ""
    message: Text = ""


class ShareIn(_Body):
    """How much goes to a customer; without an amount all that is left; `entries` are covered first."""

    customer_no: Annotated[str, Field(min_length=1, max_length=40)]
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] | None = None
    entries: list[int] = []


class MatchIn(_Body):
    """On which accounts to post a payment; `reverses` instead names the payment that a reversal takes back."""

    shares: Annotated[list[ShareIn], Field(max_length=100)] = []
    reverses: int | None = None


class CoveredOut(_Row):
    """What of an item is covered."""

    entry_id: int
    number: str | None
    kind: str
    due_on: date
    amount: Decimal
    open_after: Decimal


class OutcomeOut(_Row):
    """What a match does to an account."""

    customer_no: str
    customer_name: str
    amount: Decimal
    covered: list[CoveredOut]
    credit: Decimal
    balance_before: Decimal
    balance_after: Decimal


class ReasonIn(_Body):
    """Why something is undone, set aside or refused."""

    reason: Reason


class RefundIn(_Body):
    """Credit to pay back; without an amount all of it; `final` allows sums under the minimum at move-out."""

    customer_no: str
    iban: Annotated[str, Field(min_length=5, max_length=42)]
    reason: Reason
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] | None = None
    final: bool = False


class RefundEvent(BaseModel):
    """Who did what with a refund."""

    what: str
    by: str
    at: datetime
    text: str


class RefundOut(_Row):
    """A refund with its history."""

    id: int
    customer_no: str
    name: str
    iban: str
    amount: Decimal
    currency: str
    reason: str
    state: str
    file_id: int | None
    created_at: datetime
    created_by: str
    events: list[RefundEvent]


class RefundFileIn(_Body):
    """On which day the bank is asked to pay."""

    execute_on: date


class RefundFileOut(BaseModel):
    """A file for the bank; its content is under `/content`."""

    id: int
    message_id: str


class WriteOffIn(_Body):
    """A debt to give up; without an amount all that is open."""

    entry_id: int
    reason: Reason
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] | None = None


class WriteOffOut(_Row):
    """A write-off: posted, or waiting for a second person."""

    id: int
    customer_no: str
    number: str | None
    debit_entry_id: int
    amount: Decimal
    reason: str
    state: str
    created_at: datetime
    created_by: str
    decided_at: datetime | None
    decided_by: str | None


class OpeningOut(_Row):
    """What an opening file brought, or would bring."""

    items: int
    debts: Decimal
    credits: Decimal
    customers: int
    already: bool


class ExportIn(_Body):
    """Up to and including which day to export."""

    until: date


class ExportOut(_Row):
    """An export to bookkeeping with its control totals; debit and credit are equal."""

    id: int
    until: date
    rows: int
    debit: Decimal
    created_at: datetime
    created_by: str


class OpenItemOut(_Row):
    """Something open on an account."""

    entry_id: int
    number: str | None
    kind: str
    due_on: date
    amount: Decimal
    open_amount: Decimal
    currency: str
    reference: str | None


class EntryOut(_Row):
    """A ledger entry and the balance after it."""

    id: int
    booked_on: date
    due_on: date | None
    kind: str
    amount: Decimal
    open_amount: Decimal
    balance_after: Decimal
    currency: str
    number: str | None
    payment_id: int | None
    reverses_id: int | None
    text: str
    created_at: datetime
    created_by: str


class AllocationOut(_Row):
    """How much of a credit covers a debit; a negative row takes one back."""

    id: int
    credit_entry_id: int
    debit_entry_id: int
    amount: Decimal
    reason: str
    created_at: datetime
    created_by: str


class AccountOut(BaseModel):
    """A customer's account: balance, what is open, and everything that was posted."""

    customer_no: str
    balance: Decimal
    open_items: list[OpenItemOut]
    entries: list[EntryOut]
    allocations: list[AllocationOut]


class InstalmentIn(_Body):
    """A part of a payment plan."""

    due_on: date
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]


class PlanIn(_Body):
    """A payment plan for open items, by their ledger entries."""

    entries: Annotated[list[int], Field(min_length=1, max_length=500)]
    instalments: Annotated[list[InstalmentIn], Field(min_length=1, max_length=120)]
    reason: Text = ""


class PlanOut(_Row):
    """A payment plan; `behind` is above zero where instalments are missing."""

    id: int
    amount: Decimal
    agreed_on: date
    reason: str
    instalments: list[InstalmentIn]
    entries: list[int]
    paid: Decimal
    behind: Decimal
    created_by: str
    ended_on: date | None
    ended_by: str | None


class StopIn(_Body):
    """No reminders: of one entry, or without one of the whole account; `valid_to` is not included."""

    reason: Literal["dispute", "death", "bankruptcy", "hardship", "other"]
    entry_id: int | None = None
    valid_from: date
    valid_to: date | None = None
    text: Text = ""


class StopOut(_Row):
    """An entry of the stop list."""

    id: int
    entry_id: int | None
    number: str | None
    reason: str
    text: str
    valid_from: date
    valid_to: date | None
    created_at: datetime
    created_by: str
    ended_by: str | None


class Created(BaseModel):
    """The number of what was made."""

    id: int
