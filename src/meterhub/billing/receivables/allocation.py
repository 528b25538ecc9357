"""A payment over open items: designated first, then the oldest due; in one item by the country's order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Country


class Part(StrEnum):
    """What an open item consists of."""

    FEE = "fee"
    INTEREST = "interest"
    PRINCIPAL = "principal"


DEFAULT_ORDER = {
    Country.FI: (Part.INTEREST, Part.PRINCIPAL, Part.FEE),
    Country.NO: (Part.FEE, Part.INTEREST, Part.PRINCIPAL),
}


@dataclass(frozen=True, slots=True)
class OpenItem:
    """What is open on one invoice."""

    invoice: str
    due_on: date
    fee: Decimal
    interest: Decimal
    principal: Decimal

    def open(self, part: Part) -> Decimal:
        """Return what is open of one part."""
        return {Part.FEE: self.fee, Part.INTEREST: self.interest, Part.PRINCIPAL: self.principal}[part]

    def is_open(self) -> bool:
        """Tell whether anything is left to pay."""
        return bool(self.fee or self.interest or self.principal)


@dataclass(frozen=True, slots=True)
class Allocated:
    """An amount posted on one part of one invoice."""

    invoice: str
    part: Part
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a payment covered, what is left of it, and what stays open (in the order given)."""

    allocations: tuple[Allocated, ...]
    left: Decimal
    open_after: tuple[OpenItem, ...]


def allocate(
    items: Sequence[OpenItem], amount: Decimal, order: Sequence[Part], designated: Sequence[str] = ()
) -> Allocation:
    """Post an amount; raises bad_scenario for a designated invoice that is not open, or one repeated."""
    by_invoice = {item.invoice: item for item in items}
    if len(by_invoice) != len(items):
        raise RatingError(Reason.BAD_SCENARIO, f"open: an invoice is repeated in {[i.invoice for i in items]}")
    for invoice in designated:
        if invoice not in by_invoice:
            raise RatingError(Reason.BAD_SCENARIO, f"payment.designated: {invoice!r} is not open")
    if len(set(designated)) != len(designated):
        raise RatingError(Reason.BAD_SCENARIO, f"payment.designated: repeated in {list(designated)}")
    # sorted is stable, so items due on the same day stay as listed.
    rest = sorted((item for item in items if item.invoice not in designated), key=lambda item: item.due_on)
    allocated = []
    for item in [*(by_invoice[invoice] for invoice in designated), *rest]:
        for part in order:
            paid = min(amount, item.open(part))
            if paid > 0:
                amount -= paid
                allocated.append(Allocated(item.invoice, part, paid))
    for one in allocated:
        item = by_invoice[one.invoice]
        by_invoice[one.invoice] = _less(item, one)
    return Allocation(tuple(allocated), amount, tuple(item for item in by_invoice.values() if item.is_open()))


def _less(item: OpenItem, paid: Allocated) -> OpenItem:
    left = item.open(paid.part) - paid.amount
    if paid.part is Part.FEE:
        return replace(item, fee=left)
    if paid.part is Part.INTEREST:
        return replace(item, interest=left)
    return replace(item, principal=left)
