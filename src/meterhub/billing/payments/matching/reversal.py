"""A correction by the bank takes back the payment that it names."""

from meterhub.billing.payments.matching.book import Book, Match, Rule
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.receivables.identifiers import same_reference


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if one posted payment has the same account and amount, and the same bank id or else reference."""
    if payment.nature is not Nature.REVERSAL:
        return None
    alike = [one for one in book.past if one.amount == -payment.amount and one.account == payment.account]
    by_id = [one for one in alike if payment.bank_id and one.bank_id == payment.bank_id]
    by_reference = [
        one
        for one in alike
        if payment.reference and same_reference(one.reference) == same_reference(payment.reference)
    ]
    for found, why in ((by_id, "the bank's id"), (by_reference, "reference and amount")):
        if len(found) == 1:
            return Match((), f"takes back a payment with the same {why}", reverses_payment_id=found[0].payment_id)
    return None


RULE = Rule(10, "reversal", match)
