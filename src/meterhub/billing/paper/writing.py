"""How texts and numbers of a document are written on paper."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from textwrap import wrap
from typing import Any, TypeAlias

from meterhub.billing.documents.language import NO_BREAK_SPACE, Language
from meterhub.billing.documents.model import Buyer, IssuedDocument, Letter, Seller
from meterhub.billing.receivables.identifiers import compact, is_viite, printed_viite

Sheet: TypeAlias = dict[str, Any]  # Any: what the template reads, one shape a block
Money: TypeAlias = Callable[[Decimal], str]

# What fits beside the words at the head of a page.
LONGEST_FACT = 34
CURRENCY_SIGNS = {"EUR": "€", "NOK": "kr"}
# Words that the templates place themselves; all other texts come ready.
TEMPLATE_WORDS = (
    "what", "period", "quantity", "unit_price", "net", "vat", "gross", "total", "readings", "meter", "opening",
    "closing", "used", "basis_estimated", "chart_none", "how", "questions", "page", "business_id", "payee_account",
    "payee", "payer", "reference", "due_on", "amount", "barcode", "page_qr", "original", "original_amount", "open",
    "issued_on", "giro_receipt", "giro_payer", "giro_payee", "giro_deadline", "giro_kid", "giro_kroner",
    "giro_ore", "giro_account",
)  # fmt: skip


def money_in(currency: str, language: Language) -> Money:
    """Return how amounts of a currency are written in a language."""
    sign = currency_sign(currency)
    return lambda amount: f"{language.number(amount, 2)}{NO_BREAK_SPACE}{sign}"


def currency_sign(currency: str) -> str:
    """Return the sign of a currency, or its code."""
    return CURRENCY_SIGNS.get(currency, currency)


def percent(rate: Decimal, language: Language) -> str:
    """Return a rate with its sign."""
    return f"{language.number(rate.normalize())}{NO_BREAK_SPACE}%"


def printed_reference(reference: str) -> str:
    """Return a reference as people type it: a Finnish one in fives from the right, an RF one in fours."""
    if reference.startswith("RF"):
        return _in_fours(reference)
    return printed_viite(reference) if is_viite(reference) else reference


def printed_account(iban: str) -> str:
    """Return an IBAN in fours."""
    return _in_fours(compact(iban))


def frame(document: IssuedDocument | Letter, title: str) -> Sheet:
    """Return what every sheet has: language, title, date, seller and who it goes to."""
    language = document.language
    return {
        "lang": language.code,
        "words": {word: language[word] for word in TEMPLATE_WORDS},
        "title": title,
        "number": document.number,
        "issued": [document.issued_on.year, document.issued_on.month, document.issued_on.day],
        "seller": _seller(document.seller),
        "to": _addressee(document.buyer),
    }


def facts(rows: Sequence[tuple[str, str]], language: Language) -> list[list[str]]:
    """Return words and values line by line; a value too long for its line goes on in the next, beside no word."""
    shown = []
    for word, value in rows:
        lines = wrap(value, LONGEST_FACT, break_long_words=True) if value else []
        shown += [[language[word] if number == 0 else "", line] for number, line in enumerate(lines)]
    return shown


def day_or_nothing(day: date | None, language: Language) -> str:
    """Return a date as people write it; empty if there is none."""
    return language.day(day) if day else ""


def _seller(seller: Seller) -> Sheet:
    address = seller.address
    return {
        "name": seller.name,
        "business_id": seller.business_id,
        "address": f"{address.street}, {address.postal_code} {address.city}",
        "email": seller.email,
        "phone": seller.phone,
    }


def _addressee(buyer: Buyer) -> list[str]:
    address = buyer.address
    return [buyer.name, address.street, f"{address.postal_code} {address.city.upper()}"]


def _in_fours(text: str) -> str:
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
