"""Rules of Peppol BIS Billing 3.0 on top of EN 16931, a function each; pure.

Written from the published rule texts (PEPPOL-EN16931, release 3.0.20 and its national parts for Norway);
where a rule concerns a part that meterhub never writes (allowances, direct debit, a second tax currency), it
is checked all the same. A function yields what is wrong. Of numbers of ISO 6523 only Norwegian and Finnish
ones are looked at.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from meterhub.billing.einvoice import peppol_line_rules as line_rules
from meterhub.billing.einvoice import peppol_national_rules as national_rules
from meterhub.billing.einvoice.peppol_reading import Findings, number, party, text
from meterhub.billing.einvoice.ubl import CAC, CBC, CUSTOMIZATION
from meterhub.billing.einvoice.xml import Element

DIRECT_DEBIT = ("49", "59")
# fmt: off
INVOICE_TYPES = frozenset((
    "71", "80", "82", "84", "102", "218", "219", "326", "331", "380", "382", "383", "384", "386", "388",
    "393", "395", "456", "457", "458", "527", "553", "575", "623", "780", "817", "870", "875", "876", "877",
))
# fmt: on
CREDIT_NOTE_TYPES = frozenset(("381", "396", "81", "83", "532"))
_PROFILE = re.compile(r"urn:fdc:peppol\.eu:2017:poacc:billing:[0-9]{2}:1\.0", re.ASCII)


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a document breaks, and where; a warning does not keep it from being sent."""

    rule: str
    message: str
    warning: bool = False


def broken_rules(root: Element) -> list[Broken]:
    """Return all that a UBL invoice or credit note breaks, by rule."""
    return [Broken(rule, message, rule in WARNINGS) for rule, check in RULES.items() for message in check(root)]


def profile_given(root: Element) -> Findings:
    """R001: the business process is given."""
    if not text(root, f"{CBC}ProfileID"):
        yield "ProfileID is missing"


def buyer_reference(root: Element) -> Findings:
    """R003: a buyer reference or an order reference is given."""
    if not text(root, f"{CBC}BuyerReference") and not text(root, f"{CAC}OrderReference/{CBC}ID"):
        yield "neither BuyerReference nor OrderReference is given"


def customization(root: Element) -> Findings:
    """R004: the specification is Peppol BIS Billing 3.0."""
    found = text(root, f"{CBC}CustomizationID")
    if found != CUSTOMIZATION:
        yield f"CustomizationID is {found!r}"


def profile_form(root: Element) -> Findings:
    """R007: the business process has the form of Peppol billing."""
    found = text(root, f"{CBC}ProfileID")
    if not _PROFILE.fullmatch(found):
        yield f"ProfileID is {found!r}"


def nothing_empty(root: Element) -> Findings:
    """R008: no element is empty."""
    for element in root.iter():
        if len(element) == 0 and not (element.text or "").strip():
            yield f"{element.tag.rpartition('}')[2]} is empty"


def buyer_endpoint(root: Element) -> Findings:
    """R010: the buyer has an electronic address."""
    if not text(root, f"{party('Customer')}/{CBC}EndpointID"):
        yield "the buyer has no EndpointID"


def seller_endpoint(root: Element) -> Findings:
    """R020: the seller has an electronic address."""
    if not text(root, f"{party('Supplier')}/{CBC}EndpointID"):
        yield "the seller has no EndpointID"


def one_currency(root: Element) -> Findings:
    """R051: all amounts are in the currency of the document, but for VAT in an accounting currency."""
    currency, accounting = text(root, f"{CBC}DocumentCurrencyCode"), text(root, f"{CBC}TaxCurrencyCode")
    for element in root.iter():
        found = element.get("currencyID")
        in_accounting = found == accounting and element.getparent().tag == f"{CAC}TaxTotal"
        if found is not None and found != currency and not in_accounting:
            yield f"{element.tag.rpartition('}')[2]} is in {found}, not in {currency}"


def one_tax_total_with_groups(root: Element) -> Findings:
    """R053: exactly one tax total has subtotals."""
    found = [one for one in root.iterfind(f"{CAC}TaxTotal") if one.find(f"{CAC}TaxSubtotal") is not None]
    if len(found) != 1:
        yield f"{len(found)} tax totals have subtotals"


def one_tax_total_without_groups(root: Element) -> Findings:
    """R054: a tax total without subtotals goes with an accounting currency, one for one."""
    found = [one for one in root.iterfind(f"{CAC}TaxTotal") if one.find(f"{CAC}TaxSubtotal") is None]
    wanted = 1 if text(root, f"{CBC}TaxCurrencyCode") else 0
    if len(found) != wanted:
        yield f"{len(found)} tax totals have no subtotals, {wanted} should"


def tax_totals_of_one_sign(root: Element) -> Findings:
    """R055: VAT in both currencies has the same sign."""
    amounts = [number(one, f"{CBC}TaxAmount") for one in root.iterfind(f"{CAC}TaxTotal")]
    if len({amount < 0 for amount in amounts if amount}) > 1:
        yield "the VAT totals have different signs"


def mandate(root: Element) -> Findings:
    """R061: a direct debit names its mandate."""
    for one in root.iterfind(f"{CAC}PaymentMeans"):
        code = text(one, f"{CBC}PaymentMeansCode")
        if code in DIRECT_DEBIT and not text(one, f"{CAC}PaymentMandate/{CBC}ID"):
            yield "a direct debit has no mandate"


def invoice_type(root: Element) -> Findings:
    """P0100: the type of an invoice is one of the list."""
    code = text(root, f"{CBC}InvoiceTypeCode")
    if root.tag.endswith("}Invoice") and code not in INVOICE_TYPES:
        yield f"InvoiceTypeCode is {code!r}"


def credit_note_type(root: Element) -> Findings:
    """P0101: the type of a credit note is one of the list."""
    code = text(root, f"{CBC}CreditNoteTypeCode")
    if root.tag.endswith("}CreditNote") and code not in CREDIT_NOTE_TYPES:
        yield f"CreditNoteTypeCode is {code!r}"


RULES: dict[str, Callable[[Element], Findings]] = {
    "PEPPOL-EN16931-R001": profile_given,
    "PEPPOL-EN16931-R003": buyer_reference,
    "PEPPOL-EN16931-R004": customization,
    "PEPPOL-EN16931-R007": profile_form,
    "PEPPOL-EN16931-R008": nothing_empty,
    "PEPPOL-EN16931-R010": buyer_endpoint,
    "PEPPOL-EN16931-R020": seller_endpoint,
    "PEPPOL-EN16931-R040": line_rules.allowance_amount,
    "PEPPOL-EN16931-R041": line_rules.allowance_base,
    "PEPPOL-EN16931-R042": line_rules.allowance_percentage,
    "PEPPOL-EN16931-R043": line_rules.charge_indicator,
    "PEPPOL-EN16931-R044": line_rules.no_charge_on_prices,
    "PEPPOL-EN16931-R046": line_rules.net_price,
    "PEPPOL-EN16931-R051": one_currency,
    "PEPPOL-EN16931-R053": one_tax_total_with_groups,
    "PEPPOL-EN16931-R054": one_tax_total_without_groups,
    "PEPPOL-EN16931-R055": tax_totals_of_one_sign,
    "PEPPOL-EN16931-R061": mandate,
    "PEPPOL-EN16931-R110": line_rules.line_starts_inside,
    "PEPPOL-EN16931-R111": line_rules.line_ends_inside,
    "PEPPOL-EN16931-R120": line_rules.line_amount,
    "PEPPOL-EN16931-R121": line_rules.base_quantity,
    "PEPPOL-EN16931-R130": line_rules.base_unit,
    "PEPPOL-COMMON-R041": national_rules.organisation_numbers,
    "NO-R-001": national_rules.norwegian_vat_id,
    "NO-R-002": national_rules.company_register,
    "PEPPOL-EN16931-P0100": invoice_type,
    "PEPPOL-EN16931-P0101": credit_note_type,
    "PEPPOL-EN16931-P0112": national_rules.german_types,
}
WARNINGS = frozenset(("NO-R-002",))
