"""A reference made from the contract number, which repeats on every bill: the oldest item is meant."""

from meterhub.billing.payments.matching.book import Book, Match, Rule, Share
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.receivables.identifiers import is_kid_mod10, is_viite, same_reference


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if the reference less its check digit is the digits of a contract number."""
    code = same_reference(payment.reference)
    if payment.nature not in (Nature.CREDIT, Nature.DIRECT_DEBIT) or len(code) < 2:
        return None
    if not (is_viite(code) or is_kid_mod10(code)):
        return None
    customer_id = book.contracts.get(code[:-1])
    if customer_id is None:
        return None
    return Match((Share(customer_id, payment.amount),), f"reference of the contract with the number {code[:-1]}")


RULE = Rule(40, "contract reference", match)
