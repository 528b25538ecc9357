"""The payer's name: the whole of one open item, or of all open items together, of one customer of that name."""

import re
import unicodedata

from meterhub.billing.payments.matching.book import Book, Match, Rule, Share
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.kit.money import ZERO

_MIN_WORDS = 2
_SHORT_NAME = 12  # KTL cuts names off there
_WORD = re.compile(r"\w+")


def words(name: str) -> list[str]:
    """Return the words of a name without case and accents."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return _WORD.findall("".join(one for one in plain if not unicodedata.combining(one)))


def same_name(payer: str, name: str) -> bool:
    """Tell whether a payer is a customer by name, in any order; the last word may be cut where banks cut names."""
    paid_by, known = words(payer), words(name)
    if len(paid_by) < _MIN_WORDS or len(paid_by) > len(known):
        return False
    cut = len(payer.strip()) >= _SHORT_NAME - 1
    if not cut and len(paid_by) != len(known):
        return False
    *whole, last = paid_by
    rest = known.copy()
    for word in whole:
        if word not in rest:
            return False
        rest.remove(word)
    return any(word == last or (cut and word.startswith(last)) for word in rest)


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if exactly one customer of that name owes exactly this much, in one item or in all."""
    if payment.nature is not Nature.CREDIT or payment.reference:
        return None
    named = [one for one, name in book.names.items() if same_name(payment.payer, name)]
    if len(named) != 1:
        return None
    items = book.open_of(named[0])
    exact = [item for item in items if item.open_amount == payment.amount]
    if len(exact) == 1:
        item = exact[0]
        why = f"payer and amount of {item.number or item.kind}"
        return Match((Share(named[0], payment.amount, (item.entry_id,)),), why)
    if items and sum((item.open_amount for item in items), ZERO) == payment.amount:
        return Match((Share(named[0], payment.amount),), f"payer and the sum of {len(items)} open items")
    return None


RULE = Rule(60, "payer and amount", match)
