"""Finvoice 3.0 (Finance Finland): invoices, credit notes, interest invoices and reminders.

Amounts keep the sign of the document, so those of a credit note are below zero (the schema allows both).
Ends of periods are inclusive. Numbers have a decimal comma.
"""

import re
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from lxml import etree

from meterhub.billing.documents.model import (
    CREDIT_NOTE,
    INTEREST,
    Address,
    Buyer,
    IssuedDocument,
    IssuedLine,
    Letter,
    Seller,
)
from meterhub.billing.einvoice.exemption import exemption
from meterhub.billing.einvoice.required import require
from meterhub.billing.einvoice.xml import Element, add, add_if, cleaned, plain, written
from meterhub.billing.receivables.barcode import bank_barcode
from meterhub.billing.receivables.identifiers import compact
from meterhub.kit.money import round_to

TIME_OF_ISSUE = time(12)
ZONE = ZoneInfo("Europe/Helsinki")
LONGEST_NAME, LONGEST_PART, LONGEST_ARTICLE = 70, 35, 100
PRICE_DECIMALS = 5
LONGEST_QUANTITY = 14
_BIC = re.compile(r"[A-Z0-9]{8,11}", re.ASCII)
# Type code of Finvoice, of UNTDID 1001, and the word that names it.
_INVOICE = ("INV01", "380", "invoice")
_CREDIT = ("INV02", "381", "credit_note")
_INTEREST = ("INV03", "380", "interest_invoice")
_REMINDER = ("INV08", "380", "reminder")


def finvoice(document: IssuedDocument) -> bytes:
    """Return an issued document as Finvoice; raises BadInput naming what seller or buyer lack."""
    _require("Finvoice", document.seller, document.buyer)
    codes = _CREDIT if document.type == CREDIT_NOTE else _INTEREST if document.kind == INTEREST else _INVOICE
    root = _head(document, codes[2])
    details = add(root, "InvoiceDetails")
    _type(details, document, codes)
    if document.credits:
        add(details, "OriginalInvoiceNumber", document.credits)
    if document.period:
        _day(details, "InvoicingPeriodStartDate", document.period.start)
        _day(details, "InvoicingPeriodEndDate", document.period.last_day)
    add(details, "SellersBuyerIdentifier", document.buyer.customer_no)
    add_if(details, "AgreementIdentifier", document.contract_no)
    add_if(details, "BuyerReferenceIdentifier", document.buyer.buyer_reference[:LONGEST_NAME])
    _amount(details, "RowsTotalVatExcludedAmount", document.net, document.currency)
    _amount(details, "InvoiceTotalVatExcludedAmount", document.net, document.currency)
    _amount(details, "InvoiceTotalVatAmount", document.vat, document.currency)
    _amount(details, "InvoiceTotalVatIncludedAmount", document.gross, document.currency)
    for group in document.vat_groups:
        vat = add(details, "VatSpecificationDetails")
        _amount(vat, "VatBaseAmount", group.base, document.currency)
        add(vat, "VatRatePercent", _comma(plain(group.rate)))
        add(vat, "VatCode", group.category)
        _amount(vat, "VatRateAmount", group.vat, document.currency)
        add_if(vat, "VatFreeText", exemption(group.category, document.language.code).text)
        add_if(vat, "VatExemptionReasonCode", exemption(group.category, document.language.code).code)
    _terms(details, document.due_on)
    payable = Decimal(0) if document.is_credit else document.gross
    _barcode(root, document.seller, payable, document.reference, document.due_on)
    for line in document.lines:
        _row(root, line, document.currency)
    _payment(root, document, document.number, payable)
    return written(root)


def finvoice_reminder(letter: Letter) -> bytes:
    """Return a reminder as Finvoice: a row for each open invoice and each fee; no VAT on any of it."""
    _require("Finvoice", letter.seller, letter.buyer)
    root = _head(letter, str(letter.kind))
    details = add(root, "InvoiceDetails")
    _type(details, letter, (*_REMINDER[:2], str(letter.kind)))
    add(details, "SellersBuyerIdentifier", letter.buyer.customer_no)
    _amount(details, "InvoiceTotalVatIncludedAmount", letter.total, letter.currency)
    _terms(details, letter.due_on)
    _barcode(root, letter.seller, letter.total, letter.reference, letter.due_on)
    for item in letter.items:
        row = add(root, "InvoiceRow")
        add(row, "ArticleName", f"{letter.language['invoice']} {item.number}")
        add(row, "OriginalInvoiceNumber", item.number)
        _day(row, "OriginalInvoiceDate", item.issued_on)
        overdue = add(row, "RowOverDuePaymentDetails")
        add(overdue, "RowOriginalInvoiceIdentifier", item.number)
        _day(overdue, "RowOriginalInvoiceDate", item.issued_on)
        _day(overdue, "RowOriginalDueDate", item.due_on)
        _amount(overdue, "RowOriginalInvoiceTotalAmount", item.gross, letter.currency)
        _amount(overdue, "RowUnPaidVatIncludedAmount", item.open, letter.currency)
        _amount(row, "RowAmount", item.open, letter.currency)
    for fee in letter.fees:
        row = add(root, "InvoiceRow")
        add(row, "ArticleName", letter.language[fee.code])
        _amount(row, "RowAmount", fee.amount, letter.currency)
    _payment(root, letter, letter.number, letter.total)
    return written(root)


def _require(what: str, seller: Seller, buyer: Buyer) -> None:
    extra = {}
    if not buyer.einvoice_operator:
        extra["customer.einvoice_operator"] = f"customer {buyer.customer_no} has no e-invoice operator"
    if not _BIC.fullmatch(seller.bic):
        extra["utility.bic"] = "the utility has no BIC of 8 to 11 letters and digits"
    require(what, seller, buyer, extra)


def _head(document: IssuedDocument | Letter, word: str) -> Element:
    """Return the root with addresses of the message, seller and buyer."""
    seller, buyer = document.seller, document.buyer
    root = etree.Element("Finvoice", Version="3.0")
    message = add(root, "MessageTransmissionDetails")
    sender = add(message, "MessageSenderDetails")
    _address_id(sender, "FromIdentifier", seller.einvoice_address)
    add(sender, "FromIntermediator", seller.einvoice_operator)
    receiver = add(message, "MessageReceiverDetails")
    _address_id(receiver, "ToIdentifier", buyer.einvoice_address)
    add(receiver, "ToIntermediator", buyer.einvoice_operator)
    envelope = add(message, "MessageDetails")
    add(envelope, "MessageIdentifier", f"{word[:20]}-{document.number}")
    issued = datetime.combine(document.issued_on, TIME_OF_ISSUE, ZONE)
    add(envelope, "MessageTimeStamp", issued.isoformat())
    add(envelope, "SpecificationIdentifier", "EN16931")
    party = add(root, "SellerPartyDetails")
    add(party, "SellerPartyIdentifier", seller.business_id)
    add(party, "SellerOrganisationName", seller.name[:LONGEST_NAME])
    if _has_vat(document):
        add_if(party, "SellerOrganisationTaxCode", seller.vat_id)
    _postal(party, "Seller", seller.address)
    information = add(root, "SellerInformationDetails")
    add_if(information, "SellerPhoneNumber", seller.phone[:LONGEST_PART])
    add_if(information, "SellerCommonEmailaddressIdentifier", seller.email[:LONGEST_NAME])
    account = add(information, "SellerAccountDetails")
    add(account, "SellerAccountID", seller.iban, IdentificationSchemeName="IBAN")
    add(account, "SellerBic", seller.bic, IdentificationSchemeName="BIC")
    recipient = add(root, "BuyerPartyDetails")
    add_if(recipient, "BuyerPartyIdentifier", buyer.business_id)
    add(recipient, "BuyerOrganisationName", buyer.name[:LONGEST_NAME])
    _postal(recipient, "Buyer", buyer.address)
    return root


def _has_vat(document: IssuedDocument | Letter) -> bool:
    """Tell whether a seller's VAT identifier belongs on it (EN 16931 BR-O-02 forbids it outside the scope)."""
    return isinstance(document, IssuedDocument) and any(group.category != "O" for group in document.vat_groups)


def _address_id(parent: Element, tag: str, address: str) -> None:
    scheme, colon, value = address.rpartition(":")
    add(parent, tag, compact(value), **({"SchemeID": scheme} if colon else {}))


def _postal(party: Element, who: str, address: Address) -> None:
    postal = add(party, f"{who}PostalAddressDetails")
    street = cleaned(address.street)
    for at in range(0, min(len(street), 3 * LONGEST_PART), LONGEST_PART):
        part = street[at : at + LONGEST_PART].strip()
        if len(part) > 1:
            add(postal, f"{who}StreetName", part)
    add(postal, f"{who}TownName", address.city[:LONGEST_PART])
    add(postal, f"{who}PostCodeIdentifier", address.postal_code[:LONGEST_PART])
    add(postal, "CountryCode", address.country)


def _type(details: Element, document: IssuedDocument | Letter, codes: tuple[str, str, str]) -> None:
    code, united_nations, word = codes
    add(details, "InvoiceTypeCode", code)
    add(details, "InvoiceTypeCodeUN", united_nations)
    add(details, "InvoiceTypeText", document.language[word][:LONGEST_PART])
    add(details, "OriginCode", "Original")
    add(details, "InvoiceNumber", document.number)
    _day(details, "InvoiceDate", document.issued_on)


def _terms(details: Element, due_on: date) -> None:
    terms = add(details, "PaymentTermsDetails")
    _day(terms, "InvoiceDueDate", due_on)


def _barcode(root: Element, seller: Seller, payable: Decimal, reference: str, due_on: date) -> None:
    if payable > 0 and seller.iban.startswith("FI"):
        add(root, "VirtualBankBarcode", bank_barcode(seller.iban, payable, reference, due_on).digits)


def _row(root: Element, line: IssuedLine, currency: str) -> None:
    row = add(root, "InvoiceRow")
    add(row, "ArticleIdentifier", line.component)
    add(row, "ArticleName", line.name[:LONGEST_ARTICLE])
    _quantity(row, "InvoicedQuantity", line.quantity, line.unit)
    if line.period:
        _day(row, "StartDate", line.period.start)
        _day(row, "EndDate", line.period.last_day)
    price, base = _few_decimals(line.unit_price, line.price_base_quantity)
    _amount(row, "UnitPriceAmount", price, currency)
    _quantity(row, "UnitPriceBaseQuantity", base, line.unit)
    add(row, "RowPositionIdentifier", str(line.position))
    add_if(row, "OriginalInvoiceNumber", line.refers_to or "")
    if line.unit == "MTQ":
        if not line.estimated:
            _quantity(row, "RowUsedQuantity", line.quantity, line.unit)
        if line.meter:
            _day(row, "RowPreviousMeterReadingDate", line.meter.previous_on)
            _day(row, "RowLatestMeterReadingDate", line.meter.latest_on)
        if line.estimated:
            _quantity(row, "RowCalculatedQuantity", line.quantity, line.unit)
        _amount(row, "RowAveragePriceAmount", round_to(line.unit_price, PRICE_DECIMALS), currency)
    add(row, "RowVatRatePercent", _comma(plain(line.vat_rate)))
    add(row, "RowVatCode", line.vat_category)
    _amount(row, "RowVatExcludedAmount", line.net, currency)


def _few_decimals(price: Decimal, base: Decimal) -> tuple[Decimal, Decimal]:
    """Return price and base quantity in the same proportion, the price with the decimals that are allowed."""
    while (lowered := round_to(price, PRICE_DECIMALS)) != price:
        price, base = price * 10, base * 10
    return lowered, base


def _payment(root: Element, document: IssuedDocument | Letter, number: str, payable: Decimal) -> None:
    seller = document.seller
    epi = add(root, "EpiDetails")
    identification = add(epi, "EpiIdentificationDetails")
    _day(identification, "EpiDate", document.issued_on)
    add(identification, "EpiReference", number)
    parties = add(epi, "EpiPartyDetails")
    bank = add(parties, "EpiBfiPartyDetails")
    add(bank, "EpiBfiIdentifier", seller.bic, IdentificationSchemeName="BIC")
    beneficiary = add(parties, "EpiBeneficiaryPartyDetails")
    add(beneficiary, "EpiNameAddressDetails", cleaned(seller.name)[:LONGEST_PART])
    add(beneficiary, "EpiAccountID", seller.iban, IdentificationSchemeName="IBAN")
    instruction = add(epi, "EpiPaymentInstructionDetails")
    reference = compact(document.reference)
    scheme = "ISO" if reference.startswith("RF") else "SPY"
    add(instruction, "EpiRemittanceInfoIdentifier", reference, IdentificationSchemeName=scheme)
    _amount(instruction, "EpiInstructedAmount", payable.quantize(Decimal("0.01")), document.currency)
    add(instruction, "EpiCharge", "SHA", ChargeOption="SHA")
    _day(instruction, "EpiDateOptionDate", document.due_on)


def _day(parent: Element, tag: str, day: date) -> None:
    add(parent, tag, f"{day:%Y%m%d}", Format="CCYYMMDD")


def _amount(parent: Element, tag: str, amount: Decimal, currency: str) -> None:
    add(parent, tag, _comma(_two_decimals(amount)), AmountCurrencyIdentifier=currency)


def _quantity(parent: Element, tag: str, quantity: Decimal, unit: str) -> None:
    text = _comma(plain(quantity))
    while len(text) > LONGEST_QUANTITY and "," in text:
        text = text[:-1].rstrip(",")
    add(parent, tag, text, QuantityUnitCode=unit, QuantityUnitCodeUN=unit)


def _two_decimals(amount: Decimal) -> str:
    """Return an amount with two decimals, or more where it has more."""
    return f"{amount.quantize(Decimal('0.01')):f}" if amount == round_to(amount, 2) else plain(amount)


def _comma(number: str) -> str:
    return number.replace(".", ",")
