"""Rules that tell whose a payment is, one module each: a module here with a `RULE` is a rule.

They are asked in order, and the first that answers decides; its answer says why.
"""

import importlib
import pkgutil
from collections.abc import Iterable

from meterhub.billing.payments.matching.book import Book, Match, Rule
from meterhub.billing.payments.model import IncomingPayment


def rules() -> list[Rule]:
    """Return all rules in the order in which they are asked."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return sorted((module.RULE for module in modules if hasattr(module, "RULE")), key=lambda rule: rule.order)


def match(payment: IncomingPayment, book: Book, asked: Iterable[Rule]) -> tuple[Rule, Match] | None:
    """Return the first rule that has an answer, and the answer."""
    return next(((rule, found) for rule in asked if (found := rule.match(payment, book))), None)
