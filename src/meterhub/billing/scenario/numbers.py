"""Scenarios of due dates and references: lists of items, each with its own result or error."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Country
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.receivables import barcode, due_dates, identifiers
from meterhub.kit.money import ZERO

Answer = dict[str, Any]

_MAX_TERM_DAYS = 3660


class Customer(StrEnum):
    """Who pays: the law protects consumers."""

    CONSUMER = "consumer"
    BUSINESS = "business"


class KidMethod(StrEnum):
    """Check digit of a KID, as registered for the agreement."""

    MOD10 = "mod10"
    MOD11 = "mod11"


def answer_due_dates(fields: Fields) -> Answer:
    """Answer when invoices fall due."""
    return _each_item(fields, _one_due_date)


def _one_due_date(fields: Fields) -> Answer:
    country = fields.choice("country", Country)
    customer = fields.choice("customer", Customer)
    issued_on = fields.day("issued_on")
    term_days = fields.integer("term_days", 0, _MAX_TERM_DAYS)
    fields.done()
    found = due_dates.due_date(country, issued_on, term_days, consumer=customer is Customer.CONSUMER)
    return {"nominal": found.nominal.isoformat(), "due": found.due.isoformat()}


def answer_references(fields: Fields) -> Answer:
    """Answer references made, and numbers verified."""
    return _each_item(fields, _one_reference)


def _one_reference(fields: Fields) -> Answer:
    kind = fields.text("type")
    make = REFERENCES.get(kind)
    if make is None:
        raise bad(Reason.BAD_SCENARIO, fields.at("type"), kind, f"is none of {', '.join(REFERENCES)}")
    return make(fields)


def _viite(fields: Fields) -> Answer:
    base = fields.any_text("base")
    fields.done()
    value = identifiers.make_viite(base)
    return {"value": value, "printed": identifiers.printed_viite(value)}


def _rf(fields: Fields) -> Answer:
    reference = fields.any_text("reference")
    fields.done()
    return {"value": identifiers.make_rf(reference)}


def _kid(fields: Fields) -> Answer:
    base, method = fields.any_text("base"), fields.choice("method", KidMethod)
    fields.done()
    make = identifiers.make_kid_mod10 if method is KidMethod.MOD10 else identifiers.make_kid_mod11
    return {"value": make(base)}


def _barcode(fields: Fields) -> Answer:
    iban, reference = fields.any_text("iban"), fields.any_text("reference")
    amount = fields.optional_decimal("amount", decimals=2, low=ZERO)
    due_on = fields.optional_day("due")
    fields.done()
    made = barcode.bank_barcode(iban, amount, reference, due_on)
    return {"value": made.digits, "check": str(made.check)}


def _verify(fields: Fields) -> Answer:
    name, value = fields.text("format"), fields.any_text("value")
    verify = identifiers.VERIFIERS.get(name)
    if verify is None:
        words = ", ".join(identifiers.VERIFIERS)
        raise bad(Reason.BAD_SCENARIO, fields.at("format"), name, f"is none of {words}")
    fields.done()
    return {"valid": verify(value)}


def _each_item(fields: Fields, one: Callable[[Fields], Answer]) -> Answer:
    """Answer items one by one; what is wrong with a number or a term stays in its place."""
    items = fields.objects("items")
    fields.done()
    answers: list[Answer] = []
    for item in items:
        try:
            answers.append(one(item))
        except RatingError as error:
            if error.reason not in _IN_PLACE:
                raise
            answers.append({"error": error.reason.value, "message": error.detail})
    return {"items": answers}


_IN_PLACE = (Reason.BAD_REFERENCE, Reason.BAD_IBAN, Reason.TERM_TOO_SHORT)

REFERENCES: dict[str, Callable[[Fields], Answer]] = {
    "viite": _viite,
    "rf": _rf,
    "kid": _kid,
    "barcode": _barcode,
    "verify": _verify,
}
