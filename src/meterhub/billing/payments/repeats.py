"""Recognises a payment that another file has brought already: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from meterhub.billing.payments.model import IncomingPayment
from meterhub.billing.receivables.identifiers import same_reference


class Repeat(StrEnum):
    """How sure it is that two payments are one."""

    SAME = "same"
    SUSPECTED = "suspected"


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored payment of the same account, amount and booking day; `format` of its file, if it has one."""

    payment_id: int
    reference: str
    bank_id: str
    payer: str
    format: str | None


def compare(payment: IncomingPayment, file_format: str | None, stored: Stored) -> Repeat | None:
    """Tell whether a payment is the stored one.

    The bank's id decides where both have one of the same format; another format may write it differently, so a
    payment alike but for the id is for a clerk to judge. Two alike in one format with two ids are two payments.
    """
    alike = same_reference(payment.reference) == same_reference(stored.reference)
    if payment.bank_id and payment.bank_id == stored.bank_id:
        return Repeat.SAME if alike else Repeat.SUSPECTED
    if not alike:
        return None
    if payment.bank_id and stored.bank_id and file_format == stored.format:
        return None
    return Repeat.SUSPECTED


def sort_out(
    payments: Sequence[IncomingPayment], file_format: str | None, stored: Sequence[tuple[int, Stored]]
) -> dict[int, tuple[Repeat, int]]:
    """Return by position which payments repeat which stored one; each stored one answers for one payment."""
    used: set[int] = set()
    result: dict[int, tuple[Repeat, int]] = {}
    for sure in (Repeat.SAME, Repeat.SUSPECTED):
        for position, one in stored:
            if position in result or one.payment_id in used:
                continue
            if compare(payments[position], file_format, one) is sure:
                result[position] = (sure, one.payment_id)
                used.add(one.payment_id)
    return result
