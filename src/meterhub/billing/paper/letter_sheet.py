"""All that is on the paper of a reminder, a notice before collection or a disconnection warning."""

from meterhub.billing.documents.model import Letter
from meterhub.billing.paper.transfer import transfer
from meterhub.billing.paper.writing import Sheet, day_or_nothing, facts, frame, money_in, printed_reference

# Fewer invoices are on one page with all that comes below them.
MOST_ITEMS_OF_A_PAGE = 12


def letter_sheet(letter: Letter) -> Sheet:
    """Return what the template `letter.typ` places."""
    language = letter.language
    money = money_in(letter.currency, language)
    head = [
        ("letter_number", letter.number),
        ("letter_on", language.day(letter.issued_on)),
        ("due_on", language.day(letter.due_on)),
        ("reference", printed_reference(letter.reference)),
        ("customer_no", letter.buyer.customer_no),
        ("property", letter.premises),
    ]
    return {
        **frame(letter, language[letter.kind]),
        "head": facts(head, language),
        "long": len(letter.items) > MOST_ITEMS_OF_A_PAGE,
        "total": {"label": language["to_pay"], "amount": money(letter.total), "due": language.day(letter.due_on)},
        "text": language[f"{letter.kind}_text"].format(
            due=language.day(letter.due_on),
            acts_on=day_or_nothing(letter.acts_on, language),
            premises=letter.premises,
        ),
        "items": [
            {
                "number": item.number,
                "issued": language.day(item.issued_on),
                "due": language.day(item.due_on),
                "gross": money(item.gross),
                "open": money(item.open),
            }
            for item in letter.items
        ],
        "fees": [{"name": language[fee.code], "amount": money(fee.amount)} for fee in letter.fees],
        "sum": money(letter.total),
        "no_vat": language["no_vat"] if letter.fees else "",
        "transfer": transfer(letter, letter.total),
    }
