"""Scenarios of interest and of payments: JSON read strictly, answered with JSON values."""

from decimal import Decimal
from typing import Any

from meterhub.billing.rating.checks import check_currency
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Country
from meterhub.billing.rating.serialise import document_as_json, plain
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.receivables import allocation, interest
from meterhub.kit.money import ZERO

Answer = dict[str, Any]


def answer_interest(fields: Fields) -> Answer:
    """Answer the late interest of receivables, and fees, as one document."""
    check_currency(fields.choice("country", Country), fields.text("currency"))
    payer = fields.text("payer", "customer")
    table = fields.nested("rates")
    rates = {}
    for half_year in table.names():
        if not interest.is_half_year(half_year):
            raise bad(Reason.BAD_SCENARIO, "rates", half_year, "is not a half-year like 2024H1")
        rates[half_year] = table.decimal(half_year)
    margin = fields.decimal("margin", Decimal(0))
    receivables = [_receivable(one) for one in fields.objects("receivables")]
    fees = []
    for one in fields.objects("fees", default_empty=True):
        fees.append(interest.Fee(one.text("code"), one.price("amount", decimals=2)))
        one.done()
    fields.done()
    computed = [interest.interest_on(receivable, rates, margin) for receivable in receivables]
    document = interest.interest_document(payer, computed, fees)
    return {
        "receivables": [
            {
                "invoice": one.invoice,
                "rows": [
                    {
                        "half_year": row.half_year,
                        "days": row.days,
                        "rate": plain(row.rate),
                        "balance": plain(row.balance),
                        "amount": plain(row.amount),
                    }
                    for row in one.rows
                ],
                "interest": plain(one.interest),
            }
            for one in computed
        ],
        "total": plain(sum((one.interest for one in computed), ZERO)),
        "documents": [document_as_json(document)] if document else [],
    }


def _receivable(fields: Fields) -> interest.Receivable:
    payments = []
    for one in fields.objects("payments", default_empty=True):
        payments.append(interest.Payment(one.day("date"), one.decimal("amount", decimals=2, low=ZERO)))
        one.done()
    due, sent = fields.optional_day("due"), fields.optional_day("sent")
    if (due is None) == (sent is None):
        raise RatingError(Reason.BAD_SCENARIO, f"{fields.at('due')}: give either due or sent")
    until = fields.optional_day("until") or max((payment.on for payment in payments), default=None)
    if until is None:
        raise RatingError(Reason.BAD_SCENARIO, f"{fields.at('until')}: is missing, there is no payment")
    receivable = interest.Receivable(
        invoice=fields.text("invoice"),
        principal=fields.decimal("principal", decimals=2, low=ZERO),
        due_on=due or interest.due_if_not_fixed(sent or until),
        until=until,
        payments=tuple(payments),
    )
    fields.done()
    return receivable


def answer_allocation(fields: Fields) -> Answer:
    """Answer how a payment is posted over open items."""
    country = fields.choice("country", Country)
    items = [_open_item(one) for one in fields.objects("open")]
    payment = fields.nested("payment")
    payment.day("date")
    amount = payment.decimal("amount", decimals=2, low=ZERO)
    designated = payment.texts("designated", default_empty=True)
    payment.done()
    order = _order(fields) if fields.has("order") else allocation.DEFAULT_ORDER[country]
    fields.done()
    done = allocation.allocate(items, amount, order, designated)
    return {
        "allocations": [
            {"invoice": one.invoice, "part": one.part.value, "amount": plain(one.amount)}
            for one in done.allocations
        ],
        "left": plain(done.left),
        "open_after": [
            {
                "invoice": item.invoice,
                "fee": plain(item.fee),
                "interest": plain(item.interest),
                "principal": plain(item.principal),
            }
            for item in done.open_after
        ],
    }


def _open_item(fields: Fields) -> allocation.OpenItem:
    item = allocation.OpenItem(
        invoice=fields.text("invoice"),
        due_on=fields.day("due"),
        fee=fields.decimal("fee", decimals=2, low=ZERO),
        interest=fields.decimal("interest", decimals=2, low=ZERO),
        principal=fields.decimal("principal", decimals=2, low=ZERO),
    )
    fields.done()
    return item


def _order(fields: Fields) -> tuple[allocation.Part, ...]:
    words = fields.texts("order", default_empty=False)
    if sorted(words) != sorted(allocation.Part):
        raise bad(Reason.BAD_SCENARIO, "order", words, "is not fee, interest and principal once each")
    return tuple(allocation.Part(word) for word in words)
