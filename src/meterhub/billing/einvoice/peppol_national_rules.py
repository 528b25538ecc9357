"""Rules of Peppol for Norwegian parties, and on what is for German ones only; a function each."""

import re

from meterhub.billing.einvoice.endpoints import NO_ORGANISATION
from meterhub.billing.einvoice.peppol_reading import Findings, party, seller_country, text
from meterhub.billing.einvoice.ubl import CAC, CBC
from meterhub.billing.einvoice.xml import Element
from meterhub.billing.receivables.identifiers import is_orgnr

GERMAN_ONLY = frozenset(("326", "384"))
_NO_VAT_ID = re.compile(r"NO([0-9]{9})MVA", re.ASCII)


def organisation_numbers(root: Element) -> Findings:
    """COMMON-R041: a Norwegian organisation number has a right check digit."""
    for element in root.iter():
        number = (element.text or "").strip()
        if element.get("schemeID") == NO_ORGANISATION and not is_orgnr(number):
            yield f"{number!r} is no Norwegian organisation number"


def norwegian_vat_id(root: Element) -> Findings:
    """NO-R-001: a Norwegian seller's VAT number is NO, the organisation number, MVA."""
    for number, scheme in _norwegian_taxes(root):
        found = _NO_VAT_ID.fullmatch(number)
        if scheme == "VAT" and (found is None or not is_orgnr(found[1])):
            yield f"{number!r} is not NO, an organisation number and MVA"


def company_register(root: Element) -> Findings:
    """NO-R-002: Norwegian companies of limited liability add Foretaksregisteret (a warning)."""
    if seller_country(root) == "NO" and ("Foretaksregisteret", "TAX") not in _norwegian_taxes(root):
        yield "Foretaksregisteret is missing, which companies of limited liability have to state"


def german_types(root: Element) -> Findings:
    """P0112: types 326 and 384 are for German parties only."""
    code = text(root, f"{CBC}InvoiceTypeCode")
    buyer = text(root, f"{party('Customer')}/{CAC}PostalAddress/{CAC}Country/{CBC}IdentificationCode")
    if code in GERMAN_ONLY and (seller_country(root), buyer) != ("DE", "DE"):
        yield f"InvoiceTypeCode {code} is for German parties only"


def _norwegian_taxes(root: Element) -> list[tuple[str, str]]:
    """Return the tax registrations of a Norwegian seller: number and scheme."""
    if seller_country(root) != "NO":
        return []
    return [
        (text(one, f"{CBC}CompanyID"), text(one, f"{CAC}TaxScheme/{CBC}ID"))
        for one in root.iterfind(f"{party('Supplier')}/{CAC}PartyTaxScheme")
    ]
