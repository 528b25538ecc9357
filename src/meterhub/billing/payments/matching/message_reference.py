"""A reference or invoice number that the payer typed into the message."""

import re

from meterhub.billing.payments.matching.book import Book, Match, Rule, Share
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.receivables.identifiers import is_kid_mod10, is_rf, is_viite, same_reference

_NUMBER = re.compile(r"\bC?[0-9]{4}-[0-9]{6}\b", re.ASCII)
_RF = re.compile(r"\bRF[0-9]{2}[0-9A-Z ]{1,26}", re.ASCII | re.IGNORECASE)
_DIGITS = re.compile(r"\b[0-9](?: ?[0-9]){3,24}\b", re.ASCII)


def numbers_in(message: str) -> list[str]:
    """Return what looks like invoice numbers."""
    return _NUMBER.findall(message)


def references_in(message: str) -> list[str]:
    """Return what passes the check digit of a reference, in one form."""
    rest = _NUMBER.sub(" ", message)
    found = [one for one in _RF.findall(rest) if is_rf(one)]
    found += [one for one in _DIGITS.findall(rest) if is_viite(one) or is_kid_mod10(one)]
    return list(dict.fromkeys(same_reference(one) for one in found))


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if the message names documents of one customer."""
    if payment.nature is not Nature.CREDIT or payment.reference:
        return None
    debts = [book.debts[one] for one in references_in(payment.message) if one in book.debts]
    debts += [book.numbers[one] for one in numbers_in(payment.message) if one in book.numbers]
    if len({debt.customer_id for debt in debts}) != 1:
        return None
    entries = tuple(dict.fromkeys(debt.entry_id for debt in debts))
    named = ", ".join(dict.fromkeys(debt.number for debt in debts))
    return Match((Share(debts[0].customer_id, payment.amount, entries),), f"the message names {named}")


RULE = Rule(50, "reference in the message", match)
