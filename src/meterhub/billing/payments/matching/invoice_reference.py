"""The reference of one document: viite, RF or KID, with or without leading zeros."""

from meterhub.billing.payments.matching.book import Book, Match, Rule, Share
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.receivables.identifiers import same_reference


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if the reference is a document's; also of one already paid, as the money is its customer's."""
    if payment.nature not in (Nature.CREDIT, Nature.DIRECT_DEBIT):
        return None
    debt = book.debts.get(same_reference(payment.reference)) if payment.reference else None
    if debt is None:
        return None
    if book.is_open(debt):
        why = f"reference of {debt.number}"
    else:
        why = f"reference of {debt.number}, which is paid already"
    return Match((Share(debt.customer_id, payment.amount, (debt.entry_id,)),), why)


RULE = Rule(30, "invoice reference", match)
