"""What the rules may know: open items and references of the accounts concerned, as they are at that moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from meterhub.billing.ledger.balances import OpenItem
from meterhub.billing.payments.model import IncomingPayment


@dataclass(frozen=True, slots=True)
class Debt:
    """A document that has a reference, open or paid; `entry_id` is its ledger entry."""

    customer_id: int
    entry_id: int
    number: str
    reference: str


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a payment is a customer's, and which entries the payer means."""

    customer_id: int
    amount: Decimal
    entries: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Whose a payment is and why; a reversal or return also names what it takes back."""

    shares: tuple[Share, ...]
    why: str
    reverses_payment_id: int | None = None
    returns_refund_id: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to tell whose a payment is; lower orders are asked first."""

    order: int
    name: str
    match: Callable[[IncomingPayment, "Book"], Match | None]


@dataclass(frozen=True, slots=True)
class PastPayment:
    """A posted payment that a reversal may take back."""

    payment_id: int
    amount: Decimal
    reference: str
    bank_id: str
    account: str


@dataclass(slots=True)
class Book:
    """Lookups for a batch of payments; open items shrink as payments of the batch cover them."""

    debts: Mapping[str, Debt] = field(default_factory=dict)
    numbers: Mapping[str, Debt] = field(default_factory=dict)
    contracts: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    items: dict[int, list[OpenItem]] = field(default_factory=dict)
    past: Sequence[PastPayment] = ()
    refunds: Mapping[str, int] = field(default_factory=dict)

    def open_of(self, customer_id: int) -> list[OpenItem]:
        """Return what is open of a customer."""
        return self.items.get(customer_id, [])

    def is_open(self, debt: Debt) -> bool:
        """Tell whether something of a document is unpaid."""
        return any(item.entry_id == debt.entry_id for item in self.open_of(debt.customer_id))

    def covered(self, customer_id: int, covers: Sequence[tuple[int, Decimal]]) -> None:
        """Take off what a payment covered."""
        taken = dict(covers)
        left = [
            replace(item, open_amount=item.open_amount - taken.get(item.entry_id, Decimal(0)))
            for item in self.open_of(customer_id)
        ]
        self.items[customer_id] = [item for item in left if item.open_amount > 0]
