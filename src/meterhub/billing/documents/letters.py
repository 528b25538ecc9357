"""Letters as JSON, so that one can be kept when it is written and made again later."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal

from meterhub.billing.documents.model import Address, Buyer, Letter, LetterFee, LetterItem, LetterKind, Seller
from meterhub.billing.documents.words import LANGUAGES
from meterhub.kit.values import Json


def letter_as_json(letter: Letter) -> Json:
    """Return a letter as JSON values; `letter_from_json` reads it back."""
    return {
        "kind": letter.kind.value,
        "number": letter.number,
        "issued_on": letter.issued_on.isoformat(),
        "due_on": letter.due_on.isoformat(),
        "reference": letter.reference,
        "currency": letter.currency,
        "country": letter.country,
        "language": letter.language.code,
        "seller": asdict(letter.seller),
        "buyer": asdict(letter.buyer),
        "items": [
            {
                "number": item.number,
                "issued_on": item.issued_on.isoformat(),
                "due_on": item.due_on.isoformat(),
                "gross": str(item.gross),
                "open": str(item.open),
            }
            for item in letter.items
        ],
        "fees": [{"code": fee.code, "amount": str(fee.amount)} for fee in letter.fees],
        "acts_on": letter.acts_on.isoformat() if letter.acts_on else None,
        "premises": letter.premises,
    }


def letter_from_json(value: Json) -> Letter:
    """Return the letter that `letter_as_json` wrote; raises KeyError, ValueError for anything else."""
    return Letter(
        kind=LetterKind(value["kind"]),
        number=value["number"],
        issued_on=date.fromisoformat(value["issued_on"]),
        due_on=date.fromisoformat(value["due_on"]),
        reference=value["reference"],
        currency=value["currency"],
        country=value["country"],
        language=LANGUAGES[value["language"]],
        seller=Seller(**{**value["seller"], "address": Address(**value["seller"]["address"])}),
        buyer=Buyer(**{**value["buyer"], "address": Address(**value["buyer"]["address"])}),
        items=tuple(
            LetterItem(
                number=item["number"],
                issued_on=date.fromisoformat(item["issued_on"]),
                due_on=date.fromisoformat(item["due_on"]),
                gross=Decimal(item["gross"]),
                open=Decimal(item["open"]),
            )
            for item in value["items"]
        ),
        fees=tuple(LetterFee(fee["code"], Decimal(fee["amount"])) for fee in value["fees"]),
        acts_on=date.fromisoformat(value["acts_on"]) if value["acts_on"] else None,
        premises=value["premises"],
    )
