"""What an e-invoice cannot do without, checked before anything is made or sent."""

from meterhub.billing.documents.model import Buyer, Seller
from meterhub.billing.einvoice.xml import cleaned
from meterhub.billing.receivables.identifiers import is_iban
from meterhub.errors import BadInput

# Finvoice takes names and address lines of two characters and more.
SHORTEST = 2


def require(what: str, seller: Seller, buyer: Buyer, extra: dict[str, str]) -> None:
    """Raise BadInput with every field of seller and buyer that a document lacks; `extra` adds its own."""
    missing = {
        **{f"utility.{name}": f"the utility has no {words}" for name, words in _lacking_seller(seller).items()},
        **{
            f"customer.{name}": f"customer {buyer.customer_no} has no {words}"
            for name, words in _lacking_buyer(buyer).items()
        },
        **extra,
    }
    if missing:
        listed = "; ".join(f"{message} ({field})" for field, message in missing.items())
        raise BadInput(f"no {what} can be made: {listed}", fields=missing)


def _lacking_seller(seller: Seller) -> dict[str, str]:
    given = {
        "name": (seller.name, "name"),
        "business_id": (seller.business_id, "business id"),
        "street": (seller.address.street, "street"),
        "postal_code": (seller.address.postal_code, "postal code"),
        "city": (seller.address.city, "city"),
        "einvoice_address": (seller.einvoice_address, "e-invoice address"),
    }
    lacking = {name: words for name, (text, words) in given.items() if len(cleaned(text)) < SHORTEST}
    if not is_iban(seller.iban):
        lacking["iban"] = "IBAN with right check digits"
    return lacking


def _lacking_buyer(buyer: Buyer) -> dict[str, str]:
    given = {
        "name": (buyer.name, "name"),
        "street": (buyer.address.street, "street"),
        "postal_code": (buyer.address.postal_code, "postal code"),
        "city": (buyer.address.city, "city"),
        "einvoice_address": (buyer.einvoice_address, "e-invoice address"),
    }
    return {name: words for name, (text, words) in given.items() if len(cleaned(text)) < SHORTEST}
