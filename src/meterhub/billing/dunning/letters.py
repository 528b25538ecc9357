"""Letters of dunning: written from claims, kept with their event, queued for sending."""

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


def write(
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
) -> Letter:
    """Return a letter to a customer about open claims; it names the reference of the first one."""
    return Letter(
        kind=kind,
        number=number,
        issued_on=issued_on,
        due_on=due_on,
        reference=claims[0].reference,
        currency=claims[0].currency,
        country=settings.country,
        language=LANGUAGES[customer["language"]],
        seller=seller_of(settings.utility.model_dump(), settings.country),
        buyer=buyer_of(customer, settings.country),
        items=tuple(
            LetterItem(claim.number, claim.issued_on, claim.due_on, claim.amount, claim.open_amount)
            for claim in claims
        ),
        fees=(LetterFee(REMINDER_FEE, fee),) if fee else (),
        acts_on=acts_on,
        premises=premises,
    )
