"""How rules look at a UBL document: texts and numbers at paths, lines, parties."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from meterhub.billing.einvoice.ubl import CAC, CBC
from meterhub.billing.einvoice.xml import Element

Findings: TypeAlias = Iterator[str]


def text(parent: Element, path: str) -> str:
    """Return the text at a path, empty if there is none."""
    return (parent.findtext(path) or "").strip()


def number(parent: Element, path: str, default: str = "") -> Decimal | None:
    """Return the number at a path; None if there is none, or none that can be read (the schema says so)."""
    try:
        return Decimal(text(parent, path) or default)
    except InvalidOperation:
        return None


def lines(root: Element) -> list[Element]:
    """Return the lines of an invoice or credit note."""
    return [*root.iterfind(f"{CAC}InvoiceLine"), *root.iterfind(f"{CAC}CreditNoteLine")]


def line_name(line: Element) -> str:
    """Return how a line is called in a finding."""
    return f"line {text(line, f'{CBC}ID')}"


def quantity_of(line: Element) -> Element | None:
    """Return the quantity element of a line."""
    found = line.find(f"{CBC}InvoicedQuantity")
    return found if found is not None else line.find(f"{CBC}CreditedQuantity")


def party(side: str) -> str:
    """Return the path of a party: Supplier or Customer."""
    return f"{CAC}Accounting{side}Party/{CAC}Party"


def allowances(root: Element) -> Iterator[Element]:
    """Yield allowances and charges of the document and of lines, not those of prices."""
    yield from (one for one in root.iter(f"{CAC}AllowanceCharge") if one.getparent().tag != f"{CAC}Price")


def seller_country(root: Element) -> str:
    """Return the country of the seller."""
    return text(root, f"{party('Supplier')}/{CAC}PostalAddress/{CAC}Country/{CBC}IdentificationCode")
