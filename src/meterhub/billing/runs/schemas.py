"""What billing runs take and give over HTTP; amounts are decimal strings, days ISO dates."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from meterhub.billing.runs.extras import Kind as AdjustmentKind
from meterhub.billing.runs.holds import RULES
from meterhub.billing.schemas import Code, Day, Period, VatSum

Reason = Annotated[str, Field(min_length=3, max_length=500)]
GroupCode = Annotated[str, Field(min_length=1, max_length=60)]


class RunKind(StrEnum):
    """Whom a run bills: a group for a period, the use behind a konto, or contracts by name out of turn."""

    REGULAR = "regular"
    SETTLEMENT = "settlement"
    CONTRACTS = "contracts"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunRequest(_Body):
    """A billing run to start or to preview; `due_on` defaults to the earliest lawful day.

    `holds` sets thresholds of hold rules by name; null turns a rule off, what is not named keeps its default.
    """

    kind: RunKind = RunKind.REGULAR
    billing_group: GroupCode | None = None
    contracts: Annotated[list[str], Field(max_length=10_000)] = []
    period: Period
    tariff: Code
    issued_on: Day
    due_on: Day | None = None
    holds: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)] | None] = {}

    @model_validator(mode="after")
    def _whom_it_bills(self) -> "RunRequest":
        named = self.kind is RunKind.CONTRACTS
        if named != bool(self.contracts) or named == (self.billing_group is not None):
            raise ValueError("a run of kind contracts names contracts, any other a billing_group")
        unknown = sorted(set(self.holds) - set(RULES))
        if unknown:
            raise ValueError(f"holds: there is no rule {unknown[0]!r}; there are {', '.join(RULES)}")
        return self


class RunCreated(BaseModel):
    """A run that waits for the worker."""

    id: int
    state: str


class ComponentSum(BaseModel):
    """What a component comes to over all documents of a run."""

    component: str
    unit: str
    lines: int
    quantity: Decimal
    net: Decimal


class AccountSum(BaseModel):
    """What a ledger account comes to over all documents of a run."""

    ledger_account: str | None
    net: Decimal


class RunTotals(BaseModel):
    """The sums of a run, for approval and for the ledger: of drafts, and of what is issued of it."""

    invoices: int
    credit_notes: int
    net: Decimal
    vat: Decimal
    gross: Decimal
    components: list[ComponentSum]
    vat_rates: list[VatSum]
    ledger_accounts: list[AccountSum]


class Hold(BaseModel):
    """A contract that waits for a clerk, and why; what is releasable can be billed as it is."""

    id: int
    contract_no: str
    code: str
    message: str
    releasable: bool
    held_at: datetime


class RunOut(BaseModel):
    """A billing run and how far it is."""

    id: int
    kind: str
    billing_group: str | None
    period: tuple[date, date]
    tariff: str
    currency: str
    state: str
    issued_on: date
    due_on: date
    created_at: datetime
    created_by: str
    approved_at: datetime | None
    approved_by: str | None
    finished_at: datetime | None
    accounts_total: int
    accounts_done: int


class RunDetail(RunOut):
    """A billing run with its sums and the contracts it had to hold back (the first thousand)."""

    parameters: dict[str, float | None]
    totals: RunTotals
    accounts: dict[str, int]
    holds: list[Hold]


class Preview(BaseModel):
    """What a run would come to; nothing of it was kept."""

    accounts: int
    due_on: date
    totals: RunTotals
    holds: list[Hold]


class Resolution(_Body):
    """Why a clerk bills what was held back, or leaves it out."""

    reason: Reason


class Compared(BaseModel):
    """A sum of a run beside the same of the run before it, and the change."""

    what: str
    name: str
    now: Decimal
    before: Decimal
    change: Decimal


class RunReport(BaseModel):
    """The sums of a run compared with the run of the same group and kind before it (null: there is none)."""

    run_id: int
    before_id: int | None
    rows: list[Compared]


class Gap(BaseModel):
    """Days of a contract that no document covers."""

    contract_no: str
    customer_no: str
    period: tuple[date, date]
    days: int


class NewAdjustment(_Body):
    """What a clerk adds to a contract's next bill; `parameters` are those of its kind."""

    kind: AdjustmentKind
    parameters: dict[str, Any] = Field(  # Any: one shape a kind, checked by it
        examples=[{"code": "READING_FEE", "quantity": "1", "net_price": "20.00", "vat_code": "standard"}]
    )
    reason: Reason


class Adjustment(NewAdjustment):
    """An adjustment as kept: with the run that took it up, or when it was cancelled."""

    id: int
    contract_no: str
    run_id: int | None
    created_at: datetime
    created_by: str
    cancelled_at: datetime | None
