"""A refund that comes back carries the end-to-end id that it left with."""

from meterhub.billing.payments.matching.book import Book, Match, Rule
from meterhub.billing.payments.model import IncomingPayment, Nature


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if the end-to-end id is that of a refund on its way."""
    if payment.nature not in (Nature.RETURN, Nature.CREDIT) or not payment.end_to_end_id:
        return None
    refund_id = book.refunds.get(payment.end_to_end_id)
    if refund_id is None:
        return None
    return Match((), f"the bank returns refund {payment.end_to_end_id}", returns_refund_id=refund_id)


RULE = Rule(5, "returned refund", match)
