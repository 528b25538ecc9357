"""What a hold rule looks at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from meterhub.billing.runs.accounts import Bill
from meterhub.billing.runs.neighbours import History


@dataclass(frozen=True, slots=True)
class Case:
    """The bills of one account, what it was billed lately, how it is billed, and the day of issue."""

    bills: Sequence[Bill]
    history: History
    regime: str
    issued_on: date
    currency: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason to hold: its code, its usual threshold (None: off) and the check, given a threshold."""

    code: str
    default: float | None
    unit: str
    check: Callable[[Case, float], str | None]
