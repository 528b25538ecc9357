"""Letters of dunning: frozen with the event that they belong to, printed from that as often as wanted."""

from datetime import date
from decimal import Decimal

from meterhub.billing.documents.model import Letter, LetterFee, LetterItem, LetterKind
from meterhub.billing.documents.parties import buyer_of, seller_of
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.dunning.claims import Claim
from meterhub.kit.money import ZERO
from meterhub.kit.values import Json
from meterhub.settings import Settings

REMINDER_FEE = "REMINDER_FEE"


def letter_json(
    settings: Settings,
    kind: LetterKind,
    number: str,
    customer: Json,
    claims: list[Claim],
    *,
    issued_on: date,
    due_on: date,
    fee: Decimal = ZERO,
    acts_on: date | None = None,
    premises: str = "",
) -> Json:
    """Return everything that is on a letter."""
    return {
        "kind": kind.value,
        "number": number,
        "issued_on": issued_on.isoformat(),
        "due_on": due_on.isoformat(),
        "reference": claims[0].reference,
        "currency": claims[0].currency,
        "country": settings.country,
        "seller": settings.utility.model_dump(),
        "customer": customer,
        "items": [
            {
                "number": claim.number,
                "issued_on": claim.issued_on.isoformat(),
                "due_on": claim.due_on.isoformat(),
                "gross": str(claim.amount),
                "open": str(claim.open_amount),
            }
            for claim in claims
        ],
        "fees": [{"code": REMINDER_FEE, "amount": str(fee)}] if fee else [],
        "acts_on": acts_on.isoformat() if acts_on else None,
        "premises": premises,
    }


def letter_of(frozen: Json) -> Letter:
    """Return the letter that was frozen."""
    country = frozen["country"]
    return Letter(
        kind=LetterKind(frozen["kind"]),
        number=frozen["number"],
        issued_on=date.fromisoformat(frozen["issued_on"]),
        due_on=date.fromisoformat(frozen["due_on"]),
        reference=frozen["reference"],
        currency=frozen["currency"],
        country=country,
        language=LANGUAGES[frozen["customer"]["language"]],
        seller=seller_of(frozen["seller"], country),
        buyer=buyer_of(frozen["customer"], country),
        items=tuple(
            LetterItem(
                one["number"],
                date.fromisoformat(one["issued_on"]),
                date.fromisoformat(one["due_on"]),
                Decimal(one["gross"]),
                Decimal(one["open"]),
            )
            for one in frozen["items"]
        ),
        fees=tuple(LetterFee(one["code"], Decimal(one["amount"])) for one in frozen["fees"]),
        acts_on=date.fromisoformat(frozen["acts_on"]) if frozen["acts_on"] else None,
        premises=frozen["premises"],
    )
