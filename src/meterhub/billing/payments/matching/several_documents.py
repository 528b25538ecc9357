"""Several documents named by the payer, invoices and credit notes netted, in one payment."""

from decimal import Decimal

from meterhub.billing.payments.matching.book import Book, Debt, Match, Rule, Share
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.receivables.identifiers import same_reference
from meterhub.kit.money import ZERO


def match(payment: IncomingPayment, book: Book) -> Match | None:
    """Answer if all documents are known and their amounts come to the payment."""
    if payment.nature is not Nature.CREDIT or not payment.remittances:
        return None
    found: list[tuple[Debt, Decimal]] = []
    for one in payment.remittances:
        debt = book.debts.get(same_reference(one.reference)) or book.numbers.get(one.reference)
        if debt is None:
            return None
        found.append((debt, one.amount))
    if sum((amount for _, amount in found), ZERO) != payment.amount:
        return None
    shares = []
    for customer_id in dict.fromkeys(debt.customer_id for debt, _ in found):
        of = [(debt, amount) for debt, amount in found if debt.customer_id == customer_id]
        total = sum((amount for _, amount in of), ZERO)
        if total <= 0:
            return None
        shares.append(Share(customer_id, total, tuple(debt.entry_id for debt, amount in of if amount > 0)))
    return Match(tuple(shares), f"names {', '.join(debt.number for debt, _ in found)}")


RULE = Rule(20, "several documents", match)
