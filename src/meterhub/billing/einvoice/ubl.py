"""Peppol BIS Billing 3.0 (EHF Billing 3.0): UBL 2.1 Invoice and CreditNote.

A credit note states what is returned as positive amounts, so the signs of the stored document are flipped;
lines of a true-up that charge then have negative quantities, which is valid. Ends of periods are inclusive.
"""

from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from meterhub.billing.documents.model import Address, Buyer, IssuedDocument, IssuedLine, Seller
from meterhub.billing.einvoice.endpoints import FI_BUSINESS_ID, NO_ORGANISATION, Endpoint, endpoint_of
from meterhub.billing.einvoice.exemption import exemption
from meterhub.billing.einvoice.required import require
from meterhub.billing.einvoice.xml import Element, add, add_if, plain, written
from meterhub.billing.receivables.identifiers import compact
from meterhub.kit.money import line_net
from meterhub.kit.periods import DateRange

CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CBC = f"{{{UBL}CommonBasicComponents-2}}"
CAC = f"{{{UBL}CommonAggregateComponents-2}}"
# UNTDID 4461: a SEPA credit transfer, and any other.
SEPA_TRANSFER, CREDIT_TRANSFER = "58", "30"
# UNTDID 1001: a commercial invoice, a credit note.
INVOICE_CODE, CREDIT_NOTE_CODE = "380", "381"
# What the arithmetic of a line may be off by (PEPPOL-EN16931-R120).
LINE_TOLERANCE = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class _Form:
    """What an invoice and a credit note call the same things; `sign` is applied to amounts and quantities."""

    root: str
    line: str
    quantity: str
    sign: int


_INVOICE = _Form("Invoice", "InvoiceLine", "InvoicedQuantity", 1)
_CREDIT_NOTE = _Form("CreditNote", "CreditNoteLine", "CreditedQuantity", -1)


def ubl(document: IssuedDocument) -> bytes:
    """Return an issued document as UBL; raises BadInput naming what seller or buyer lack."""
    seller_endpoint, buyer_endpoint = _endpoints(document)
    form = _CREDIT_NOTE if document.is_credit else _INVOICE
    namespaces = {None: f"{UBL}{form.root}-2", "cac": CAC[1:-1], "cbc": CBC[1:-1]}
    root = etree.Element(f"{{{namespaces[None]}}}{form.root}", nsmap=namespaces)
    add(root, f"{CBC}CustomizationID", CUSTOMIZATION)
    add(root, f"{CBC}ProfileID", PROFILE)
    add(root, f"{CBC}ID", document.number)
    add(root, f"{CBC}IssueDate", document.issued_on.isoformat())
    if document.is_credit:
        add(root, f"{CBC}CreditNoteTypeCode", CREDIT_NOTE_CODE)
    else:
        add(root, f"{CBC}DueDate", document.due_on.isoformat())
        add(root, f"{CBC}InvoiceTypeCode", INVOICE_CODE)
    add(root, f"{CBC}DocumentCurrencyCode", document.currency)
    buyer = document.buyer
    add(root, f"{CBC}BuyerReference", buyer.buyer_reference or document.contract_no or buyer.customer_no)
    period = _whole_period(document)
    if period:
        _period(root, period)
    if document.credits:
        billing = add(root, f"{CAC}BillingReference")
        add(add(billing, f"{CAC}InvoiceDocumentReference"), f"{CBC}ID", document.credits)
    outside = all(group.category == "O" for group in document.vat_groups)
    _seller(root, document.seller, seller_endpoint, with_vat=not outside)
    _buyer(root, document.buyer, buyer_endpoint)
    _payment(root, document)
    _taxes(root, document, form)
    _totals(root, document, form)
    for line in document.lines:
        _line(root, line, document, form)
    return written(root)


def _endpoints(document: IssuedDocument) -> tuple[Endpoint, Endpoint]:
    seller, buyer = document.seller, document.buyer
    seller_endpoint, buyer_endpoint = endpoint_of(seller.einvoice_address), endpoint_of(buyer.einvoice_address)
    extra = {}
    if seller.einvoice_address and seller_endpoint is None:
        extra["utility.einvoice_address"] = (
            f"{seller.einvoice_address!r} is no Peppol address like 0216:003712345671"
        )
    if buyer.einvoice_address and buyer_endpoint is None:
        extra["customer.einvoice_address"] = f"{buyer.einvoice_address!r} is no Peppol address like 0192:987654325"
    require("Peppol invoice", seller, buyer, extra)
    assert seller_endpoint is not None
    assert buyer_endpoint is not None
    return seller_endpoint, buyer_endpoint


def _whole_period(document: IssuedDocument) -> DateRange | None:
    """Return a period that holds those of all lines (PEPPOL-EN16931-R110, R111)."""
    periods = [line.period for line in document.lines if line.period]
    if document.period:
        periods.append(document.period)
    if not periods:
        return None
    return DateRange(min(period.start for period in periods), max(period.end for period in periods))


def _period(parent: Element, period: DateRange) -> None:
    made = add(parent, f"{CAC}InvoicePeriod")
    add(made, f"{CBC}StartDate", period.start.isoformat())
    add(made, f"{CBC}EndDate", period.last_day.isoformat())


def _seller(root: Element, seller: Seller, endpoint: Endpoint, *, with_vat: bool) -> None:
    party = add(add(root, f"{CAC}AccountingSupplierParty"), f"{CAC}Party")
    add(party, f"{CBC}EndpointID", endpoint.identifier, schemeID=endpoint.scheme)
    add(add(party, f"{CAC}PartyName"), f"{CBC}Name", seller.name)
    _postal(party, seller.address)
    if with_vat and seller.vat_id:
        _tax_scheme(party, seller.vat_id, "VAT")
        if seller.limited_company and seller.address.country == "NO":
            _tax_scheme(party, "Foretaksregisteret", "TAX")
    _legal(party, seller.name, seller.business_id, seller.address.country)
    if seller.phone or seller.email:
        contact = add(party, f"{CAC}Contact")
        add_if(contact, f"{CBC}Telephone", seller.phone)
        add_if(contact, f"{CBC}ElectronicMail", seller.email)


def _buyer(root: Element, buyer: Buyer, endpoint: Endpoint) -> None:
    party = add(add(root, f"{CAC}AccountingCustomerParty"), f"{CAC}Party")
    add(party, f"{CBC}EndpointID", endpoint.identifier, schemeID=endpoint.scheme)
    add(add(party, f"{CAC}PartyIdentification"), f"{CBC}ID", buyer.customer_no)
    add(add(party, f"{CAC}PartyName"), f"{CBC}Name", buyer.name)
    _postal(party, buyer.address)
    _legal(party, buyer.name, buyer.business_id, buyer.address.country)


def _postal(party: Element, address: Address) -> None:
    postal = add(party, f"{CAC}PostalAddress")
    add(postal, f"{CBC}StreetName", address.street)
    add(postal, f"{CBC}CityName", address.city)
    add(postal, f"{CBC}PostalZone", address.postal_code)
    add(add(postal, f"{CAC}Country"), f"{CBC}IdentificationCode", address.country)


def _tax_scheme(party: Element, identifier: str, scheme: str) -> None:
    made = add(party, f"{CAC}PartyTaxScheme")
    add(made, f"{CBC}CompanyID", identifier)
    add(add(made, f"{CAC}TaxScheme"), f"{CBC}ID", scheme)


def _legal(party: Element, name: str, business_id: str, country: str) -> None:
    legal = add(party, f"{CAC}PartyLegalEntity")
    add(legal, f"{CBC}RegistrationName", name)
    if business_id:
        scheme = NO_ORGANISATION if country == "NO" else FI_BUSINESS_ID
        add(legal, f"{CBC}CompanyID", compact(business_id), schemeID=scheme)


def _payment(root: Element, document: IssuedDocument) -> None:
    """Say where to pay with which reference; nothing is to be paid of a credit note."""
    if document.is_credit:
        return
    means = add(root, f"{CAC}PaymentMeans")
    code = SEPA_TRANSFER if document.country == "FI" else CREDIT_TRANSFER
    add(means, f"{CBC}PaymentMeansCode", code)
    add(means, f"{CBC}PaymentID", compact(document.reference))
    account = add(means, f"{CAC}PayeeFinancialAccount")
    add(account, f"{CBC}ID", document.seller.iban)
    add(account, f"{CBC}Name", document.seller.name)
    if document.seller.bic:
        add(add(account, f"{CAC}FinancialInstitutionBranch"), f"{CBC}ID", document.seller.bic)


def _taxes(root: Element, document: IssuedDocument, form: _Form) -> None:
    total = add(root, f"{CAC}TaxTotal")
    _amount(total, "TaxAmount", document.vat * form.sign, document.currency)
    for group in document.vat_groups:
        made = add(total, f"{CAC}TaxSubtotal")
        _amount(made, "TaxableAmount", group.base * form.sign, document.currency)
        _amount(made, "TaxAmount", group.vat * form.sign, document.currency)
        category = add(made, f"{CAC}TaxCategory")
        add(category, f"{CBC}ID", group.category)
        if group.category != "O":
            add(category, f"{CBC}Percent", plain(group.rate))
        reason = exemption(group.category, document.language.code)
        add_if(category, f"{CBC}TaxExemptionReasonCode", reason.code)
        add_if(category, f"{CBC}TaxExemptionReason", reason.text)
        add(add(category, f"{CAC}TaxScheme"), f"{CBC}ID", "VAT")


def _totals(root: Element, document: IssuedDocument, form: _Form) -> None:
    totals = add(root, f"{CAC}LegalMonetaryTotal")
    _amount(totals, "LineExtensionAmount", document.net * form.sign, document.currency)
    _amount(totals, "TaxExclusiveAmount", document.net * form.sign, document.currency)
    _amount(totals, "TaxInclusiveAmount", document.gross * form.sign, document.currency)
    _amount(totals, "PayableAmount", document.gross * form.sign, document.currency)


def _line(root: Element, line: IssuedLine, document: IssuedDocument, form: _Form) -> None:
    made = add(root, f"{CAC}{form.line}")
    add(made, f"{CBC}ID", str(line.position))
    quantity, unit, price, base = line.quantity, line.unit, line.unit_price, line.price_base_quantity
    if abs(line_net(quantity, price, base) - line.net) > LINE_TOLERANCE:
        # a payer's part of a line: its rounded quantity does not give its exact cents
        add(made, f"{CBC}Note", f"{plain(quantity)} {unit} x {plain(price)} / {plain(base)}")
        quantity, unit, base = Decimal(-1 if line.net < 0 else 1), "C62", Decimal(1)
        price = abs(line.net)
    add(made, f"{CBC}{form.quantity}", plain(quantity * form.sign + 0), unitCode=unit)
    _amount(made, "LineExtensionAmount", line.net * form.sign, document.currency)
    if line.period:
        _period(made, line.period)
    item = add(made, f"{CAC}Item")
    add(item, f"{CBC}Name", line.name)
    add(add(item, f"{CAC}SellersItemIdentification"), f"{CBC}ID", line.component)
    category = add(item, f"{CAC}ClassifiedTaxCategory")
    add(category, f"{CBC}ID", line.vat_category)
    if line.vat_category != "O":
        add(category, f"{CBC}Percent", plain(line.vat_rate))
    add(add(category, f"{CAC}TaxScheme"), f"{CBC}ID", "VAT")
    priced = add(made, f"{CAC}Price")
    add(priced, f"{CBC}PriceAmount", plain(price), currencyID=document.currency)
    add(priced, f"{CBC}BaseQuantity", plain(base), unitCode=unit)


def _amount(parent: Element, tag: str, amount: Decimal, currency: str) -> None:
    # + 0 turns a negative zero into zero
    add(parent, f"{CBC}{tag}", f"{amount + 0:.2f}", currencyID=currency)
