"""What a bank file says, whatever its format: payments, what was left out, and the totals they agree with."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from meterhub.errors import BadInput
from meterhub.kit.money import ZERO


class Nature(StrEnum):
    """What kind of movement an entry is."""

    CREDIT = "credit"
    DIRECT_DEBIT = "direct_debit"
    REVERSAL = "reversal"  # takes back an earlier payment; the amount is below zero
    RETURN = "return"  # money of ours that came back, such as a refund to a closed account


@dataclass(frozen=True, slots=True)
class Remittance:
    """One document that a payer names; a credit note has an amount below zero, none is 0.00."""

    reference: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class IncomingPayment:
    """One payment; `where` is the line or element it stands in, `bank_id` the bank's own id (archive id)."""

    where: str
    nature: Nature
    amount: Decimal
    currency: str
    booked_on: date
    paid_on: date
    account: str
    reference: str = ""
    message: str = ""
    payer: str = ""
    bank_id: str = ""
    end_to_end_id: str = ""
    remittances: tuple[Remittance, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that is no payment to us, and why."""

    where: str
    why: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """A file whose counts and sums have been verified; `key` is what makes it the same file again."""

    format: str
    key: str
    created_on: date
    payments: tuple[IncomingPayment, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def total(self) -> Decimal:
        """Sum of all payments, reversals taken off."""
        return sum((payment.amount for payment in self.payments), ZERO)


class PaymentFileError(BadInput):
    """A bank file that cannot be used: what is wrong, where, and what to do; nothing of it was posted."""

    code: ClassVar[str] = "bad-payment-file"

    def __init__(self, reason: str, where: str, complaint: str, next_step: str) -> None:
        super().__init__(f"{where}: {complaint}; {next_step}", fields={"reason": reason, "where": where})
        self.reason = reason
        self.where = where
