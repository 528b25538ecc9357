"""An issued document and a letter about documents, as plain frozen values.

All of it comes from what is stored when a document is issued, so that whatever is made of it can be made
again. Amounts keep their stored signs: a credit note is below zero.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from meterhub.billing.documents.language import Language
from meterhub.kit.periods import DateRange
from meterhub.kit.values import Json

CREDIT_NOTE = "credit_note"
INTEREST = "interest"


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; the country as in ISO 3166-1."""

    street: str
    postal_code: str
    city: str
    country: str


@dataclass(frozen=True, slots=True)
class Seller:
    """The utility; empty texts where nothing is known."""

    name: str
    business_id: str
    vat_id: str
    address: Address
    email: str
    phone: str
    iban: str
    bic: str
    einvoice_address: str
    einvoice_operator: str
    limited_company: bool


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who pays; empty texts where nothing is known."""

    customer_no: str
    kind: str
    name: str
    address: Address
    business_id: str
    einvoice_address: str
    einvoice_operator: str
    buyer_reference: str


@dataclass(frozen=True, slots=True)
class MeterDates:
    """The days of the reads that a volume rests on."""

    previous_on: date
    latest_on: date


@dataclass(frozen=True, slots=True)
class InterestStep:
    """Days of a half-year at one rate [%] on one balance."""

    half_year: str
    days: int
    rate: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """A line; net = round2(quantity · unit price / base quantity) up to a split between payers."""

    position: int
    component: str
    name: str
    period: DateRange | None
    quantity: Decimal
    unit: str
    unit_price: Decimal
    price_base_quantity: Decimal
    net: Decimal
    vat_category: str
    vat_rate: Decimal
    estimated: bool
    refers_to: str | None = None
    point: str | None = None
    meter: MeterDates | None = None
    interest: tuple[InterestStep, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuedVat:
    """One VAT group as stored."""

    category: str
    rate: Decimal
    base: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class IssuedDocument:
    """An invoice or credit note; empty texts where nothing is known.

    `credits` is the number that a credit note returns, `snapshot` holds what only some kinds have: reads,
    prices, the picture of consumption.
    """

    number: str
    type: str
    kind: str
    issued_on: date
    due_on: date
    reference: str
    currency: str
    country: str
    language: Language
    seller: Seller
    buyer: Buyer
    contract_no: str
    period: DateRange | None
    credits: str
    lines: tuple[IssuedLine, ...]
    vat_groups: tuple[IssuedVat, ...]
    net: Decimal
    vat: Decimal
    gross: Decimal
    snapshot: Json

    @property
    def is_credit(self) -> bool:
        """Tell whether nothing is to be paid."""
        return self.type == CREDIT_NOTE


class LetterKind(StrEnum):
    """Letters that follow an unpaid invoice."""

    REMINDER = "reminder"
    COLLECTION_WARNING = "collection_warning"
    DISCONNECTION_WARNING = "disconnection_warning"


@dataclass(frozen=True, slots=True)
class LetterItem:
    """An invoice that a letter is about, and what is open of it."""

    number: str
    issued_on: date
    due_on: date
    gross: Decimal
    open: Decimal


@dataclass(frozen=True, slots=True)
class LetterFee:
    """A fee or interest that comes on top; the code has words in every language."""

    code: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Letter:
    """A reminder or warning.

    `acts_on` is the first day on which the claim may go to collection or the water may be closed;
    `premises` says where.
    """

    kind: LetterKind
    number: str
    issued_on: date
    due_on: date
    reference: str
    currency: str
    country: str
    language: Language
    seller: Seller
    buyer: Buyer
    items: tuple[LetterItem, ...]
    fees: tuple[LetterFee, ...] = ()
    acts_on: date | None = None
    premises: str = ""

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return sum((item.open for item in self.items), Decimal("0.00")) + sum(
            (fee.amount for fee in self.fees), Decimal("0.00")
        )
