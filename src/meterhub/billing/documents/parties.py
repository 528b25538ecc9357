"""Seller and buyer from a snapshot, with the identifiers that follow from others."""

from meterhub.billing.documents.model import Address, Buyer, Seller
from meterhub.billing.receivables.identifiers import compact
from meterhub.kit.values import Json

# Finnish organisations have electronic addresses of the tax authority's code and the business id (ISO 6523 0216).
OVT_PREFIX = "0037"


def seller_of(seller: Json, country: str) -> Seller:
    """Return the utility as it stood when the document was issued."""
    business_id = seller["business_id"]
    return Seller(
        name=seller["name"],
        business_id=business_id,
        vat_id=seller.get("vat_id") or vat_id(business_id, country),
        address=Address(seller["street"], seller["postal_code"], seller["city"], country),
        email=seller["email"],
        phone=seller["phone"],
        iban=compact(seller["iban"]),
        bic=seller["bic"],
        einvoice_address=seller.get("einvoice_address") or electronic_address(business_id, country),
        einvoice_operator=seller.get("einvoice_operator") or seller["bic"],
        limited_company=bool(seller.get("limited_company")),
    )


def buyer_of(customer: Json, country: str) -> Buyer:
    """Return the payer as it stood when the document was issued, at its billing address if it has one."""
    part = "billing_" if customer.get("billing_street") else ""
    street, postal_code, city = (customer[f"{part}{name}"] for name in ("street", "postal_code", "city"))
    return Buyer(
        customer_no=customer["customer_no"],
        kind=customer["kind"],
        name=customer.get("billing_name") or customer["name"],
        address=Address(street, postal_code, city, country),
        business_id=customer.get("business_id") or "",
        einvoice_address=customer.get("einvoice_address") or "",
        einvoice_operator=customer.get("einvoice_operator") or "",
        buyer_reference=customer.get("buyer_reference") or "",
    )


def vat_id(business_id: str, country: str) -> str:
    """Return the VAT identifier that belongs to a business id: FI12345678 or NO987654321MVA."""
    digits = _digits(business_id)
    if not digits:
        return ""
    return f"FI{digits}" if country == "FI" else f"NO{digits}MVA"


def electronic_address(business_id: str, country: str) -> str:
    """Return the electronic address that follows from a business id: OVT or organisation number."""
    digits = _digits(business_id)
    if not digits:
        return ""
    return f"0216:{OVT_PREFIX}{digits}" if country == "FI" else f"0192:{digits}"


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())
