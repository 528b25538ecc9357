"""A valid document spoiled in one place breaks the rule meant for it, so the rules are really looked at."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from lxml import etree

from meterhub.billing.einvoice.finvoice import finvoice
from meterhub.billing.einvoice.making import make_ubl
from meterhub.billing.einvoice.peppol_rules import RULES, WARNINGS, broken_rules
from meterhub.billing.einvoice.ubl import CAC, CBC
from tests.billing.documents import builders
from tests.billing.einvoice.validators import cen_failures, schema_errors

Root = etree._Element
Mutation = Callable[[Root], None]
SUPPLIER = f"{CAC}AccountingSupplierParty/{CAC}Party"
CUSTOMER = f"{CAC}AccountingCustomerParty/{CAC}Party"
LINE = f"{CAC}InvoiceLine"
TOTALS = f"{CAC}LegalMonetaryTotal"
R = "PEPPOL-EN16931-"


def put(path: str, text: str) -> Mutation:
    def mutate(root: Root) -> None:
        root.find(path).text = text

    return mutate


def plus(path: str, cents: str) -> Mutation:
    def mutate(root: Root) -> None:
        element = root.find(path)
        element.text = str(Decimal(element.text) + Decimal(cents))

    return mutate


def add_zero(path: str) -> Mutation:
    def mutate(root: Root) -> None:
        root.find(path).text += "0"

    return mutate


def drop(path: str) -> Mutation:
    def mutate(root: Root) -> None:
        element = root.find(path)
        element.getparent().remove(element)

    return mutate


def attribute(path: str, name: str, value: str) -> Mutation:
    def mutate(root: Root) -> None:
        root.find(path).set(name, value)

    return mutate


def after(path: str, xml: str) -> Mutation:
    """Put elements, whose prefixes are cac and cbc, right after the one at a path."""

    def mutate(root: Root) -> None:
        wrapped = f'<x xmlns:cac="{CAC[1:-1]}" xmlns:cbc="{CBC[1:-1]}">{xml}</x>'
        for child in reversed(etree.fromstring(wrapped)):
            root.find(path).addnext(child)

    return mutate


def both(*mutations: Mutation) -> Mutation:
    def mutate(root: Root) -> None:
        for one in mutations:
            one(root)

    return mutate


def allowance(amount: str, base: str, percent: str, indicator: str = "false") -> str:
    """An allowance of a document, its VAT category last."""
    return (
        f"<cac:AllowanceCharge><cbc:ChargeIndicator>{indicator}</cbc:ChargeIndicator>"
        "<cbc:AllowanceChargeReason>Rabatt</cbc:AllowanceChargeReason>"
        + (f"<cbc:MultiplierFactorNumeric>{percent}</cbc:MultiplierFactorNumeric>" if percent else "")
        + f'<cbc:Amount currencyID="NOK">{amount}</cbc:Amount>'
        + (f'<cbc:BaseAmount currencyID="NOK">{base}</cbc:BaseAmount>' if base else "")
        + "</cac:AllowanceCharge>"
    )


def price_allowance(amount: str, base: str, indicator: str = "false") -> str:
    return (
        f"<cac:AllowanceCharge><cbc:ChargeIndicator>{indicator}</cbc:ChargeIndicator>"
        f'<cbc:Amount currencyID="NOK">{amount}</cbc:Amount>'
        f'<cbc:BaseAmount currencyID="NOK">{base}</cbc:BaseAmount>'
        "</cac:AllowanceCharge>"
    )


def move_first_to_end(root: Root) -> None:
    root.append(root[0])


# name: (what is spoiled, rules of EN 16931, rules of Peppol, whether the schema minds)
TABLE: dict[str, tuple[Mutation, set[str], set[str], bool]] = {
    "VAT total a cent up": (plus(f"{CAC}TaxTotal/{CBC}TaxAmount", "0.01"), {"BR-CO-14", "BR-CO-15"}, set(), False),
    "line two cents up": (plus(f"{LINE}/{CBC}LineExtensionAmount", "0.02"), {"BR-CO-10"}, set(), False),
    "line three cents up, totals too": (
        both(
            plus(f"{LINE}/{CBC}LineExtensionAmount", "0.03"),
            plus(f"{TOTALS}/{CBC}LineExtensionAmount", "0.03"),
            plus(f"{TOTALS}/{CBC}TaxExclusiveAmount", "0.03"),
            plus(f"{TOTALS}/{CBC}TaxInclusiveAmount", "0.03"),
            plus(f"{TOTALS}/{CBC}PayableAmount", "0.03"),
            plus(f"{CAC}TaxTotal/{CAC}TaxSubtotal/{CBC}TaxableAmount", "0.03"),
        ),
        set(),
        {f"{R}R120"},
        False,
    ),
    "no buyer reference": (drop(f"{CBC}BuyerReference"), set(), {f"{R}R003"}, False),
    "no buyer endpoint": (drop(f"{CUSTOMER}/{CBC}EndpointID"), set(), {f"{R}R010"}, False),
    "no seller endpoint": (drop(f"{SUPPLIER}/{CBC}EndpointID"), set(), {f"{R}R020"}, False),
    "unit m3": (attribute(f"{LINE}/{CBC}InvoicedQuantity", "unitCode", "m3"), {"BR-CL-23"}, {f"{R}R130"}, False),
    "wrong check digit of the seller": (
        both(
            put(f"{SUPPLIER}/{CAC}PartyLegalEntity/{CBC}CompanyID", "987609878"),
            put(f"{SUPPLIER}/{CAC}PartyTaxScheme/{CBC}CompanyID", "NO987609878MVA"),
        ),
        set(),
        {"PEPPOL-COMMON-R041", "NO-R-001"},
        False,
    ),
    "no due date": (drop(f"{CBC}DueDate"), {"BR-CO-25"}, set(), False),
    "negative price": (
        put(f"{LINE}/{CAC}Price/{CBC}PriceAmount", "-25.68"),
        {"BR-27"},
        {f"{R}R120"},
        False,
    ),
    "empty element": (put(f"{SUPPLIER}/{CAC}Contact/{CBC}Telephone", ""), set(), {f"{R}R008"}, False),
    "no account": (drop(f"{CAC}PaymentMeans/{CAC}PayeeFinancialAccount"), {"BR-61"}, set(), False),
    "line ends after the document": (
        put(f"{LINE}/{CAC}InvoicePeriod/{CBC}EndDate", "2026-01-01"),
        set(),
        {f"{R}R111"},
        False,
    ),
    "line starts before the document": (
        put(f"{LINE}/{CAC}InvoicePeriod/{CBC}StartDate", "2024-12-31"),
        set(),
        {f"{R}R110"},
        False,
    ),
    "base of another unit": (
        attribute(f"{LINE}/{CAC}Price/{CBC}BaseQuantity", "unitCode", "LTR"),
        set(),
        {f"{R}R130"},
        False,
    ),
    "base of zero": (put(f"{LINE}/{CAC}Price/{CBC}BaseQuantity", "0"), set(), {f"{R}R121"}, False),
    "VAT number without MVA": (
        put(f"{SUPPLIER}/{CAC}PartyTaxScheme/{CBC}CompanyID", "NO987609877"),
        set(),
        {"NO-R-001"},
        False,
    ),
    "line amount of three decimals": (
        add_zero(f"{LINE}/{CBC}LineExtensionAmount"),
        {"BR-DEC-23"},
        set(),
        False,
    ),
    "a German type": (put(f"{CBC}InvoiceTypeCode", "384"), set(), {f"{R}P0112"}, False),
    "an unknown type": (put(f"{CBC}InvoiceTypeCode", "381"), set(), {f"{R}P0100"}, False),
    "wrong order": (move_first_to_end, set(), set(), True),
    "another specification": (put(f"{CBC}CustomizationID", "urn:cen.eu:en16931:2017"), set(), {f"{R}R004"}, False),
    "no process": (drop(f"{CBC}ProfileID"), set(), {f"{R}R001", f"{R}R007"}, False),
    "another process": (
        put(f"{CBC}ProfileID", "urn:www.cenbii.eu:profile:bii05:ver2.0"),
        set(),
        {f"{R}R007"},
        False,
    ),
    "another currency": (
        attribute(f"{LINE}/{CBC}LineExtensionAmount", "currencyID", "EUR"),
        set(),
        {f"{R}R051"},
        False,
    ),
    "two tax totals with groups": (
        lambda root: root.find(f"{CAC}TaxTotal").addnext(
            etree.fromstring(etree.tostring(root.find(f"{CAC}TaxTotal")))
        ),
        {"BR-CO-15"},
        {f"{R}R053"},
        False,
    ),
    "a tax total without groups": (
        after(
            f"{CAC}TaxTotal", '<cac:TaxTotal><cbc:TaxAmount currencyID="NOK">-1.00</cbc:TaxAmount></cac:TaxTotal>'
        ),
        {"BR-CO-15"},
        {f"{R}R054", f"{R}R055"},
        False,
    ),
    "direct debit without mandate": (
        put(f"{CAC}PaymentMeans/{CBC}PaymentMeansCode", "59"),
        set(),
        {f"{R}R061"},
        False,
    ),
    "an allowance that is not its percentage": (
        after(f"{LINE}/{CAC}InvoicePeriod", allowance("5.00", "20.00", "10")),
        set(),
        {f"{R}R040", f"{R}R120"},
        False,
    ),
    "a percentage without base": (
        after(f"{LINE}/{CAC}InvoicePeriod", allowance("5.00", "", "10")),
        set(),
        {f"{R}R041", f"{R}R120"},
        False,
    ),
    "a base without percentage": (
        after(f"{LINE}/{CAC}InvoicePeriod", allowance("5.00", "20.00", "")),
        set(),
        {f"{R}R042", f"{R}R120"},
        False,
    ),
    "an indicator of one": (
        after(f"{LINE}/{CAC}InvoicePeriod", allowance("0.00", "0.00", "10", "1")),
        set(),
        {f"{R}R043"},
        False,
    ),
    "a charge on a price": (
        after(f"{LINE}/{CAC}Price/{CBC}BaseQuantity", price_allowance("0.00", "25.68", "true")),
        set(),
        {f"{R}R044"},
        False,
    ),
    "a price that is not gross less allowance": (
        after(f"{LINE}/{CAC}Price/{CBC}BaseQuantity", price_allowance("1.00", "30.00")),
        set(),
        {f"{R}R046"},
        False,
    ),
    "VAT of a group a cent up, totals too": (
        both(
            plus(f"{CAC}TaxTotal/{CBC}TaxAmount", "0.01"),
            plus(f"{CAC}TaxTotal/{CAC}TaxSubtotal/{CBC}TaxAmount", "0.01"),
            plus(f"{TOTALS}/{CBC}TaxInclusiveAmount", "0.01"),
            plus(f"{TOTALS}/{CBC}PayableAmount", "0.01"),
        ),
        set(),
        set(),
        False,
    ),
}


def peppol_failures(root: Root) -> set[str]:
    return {one.rule for one in broken_rules(root) if not one.warning}


@pytest.fixture(scope="module")
def valid() -> bytes:
    return make_ubl(builders.b8())


@pytest.mark.parametrize(("mutate", "cen", "peppol", "schema"), TABLE.values(), ids=TABLE)
def test_a_spoiled_document_breaks_the_rule_that_is_meant_for_it(valid, mutate, cen, peppol, schema):
    root = etree.fromstring(valid)
    mutate(root)
    spoiled = etree.tostring(root)
    assert cen <= cen_failures(spoiled)
    assert bool(cen) == bool(cen_failures(spoiled)) or peppol
    assert peppol_failures(root) == peppol
    assert bool(schema_errors(spoiled)) == schema


def test_a_credit_note_of_an_invoices_type_is_refused():
    root = etree.fromstring(make_ubl(builders.credit_of(builders.b8())))
    root.find(f"{CBC}CreditNoteTypeCode").text = "380"
    assert peppol_failures(root) == {f"{R}P0101"}


def test_a_norwegian_seller_without_its_register_is_warned_about(valid):
    assert {one.rule for one in broken_rules(etree.fromstring(valid))} == {"NO-R-002"} == WARNINGS


def test_every_rule_of_peppol_is_seen_to_break():
    seen = {rule for _, _, peppol, _ in TABLE.values() for rule in peppol}
    assert seen | {f"{R}P0101", "NO-R-002"} == RULES.keys()


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"CCYYMMDD", b"DD.MM.YYYY"),
        (b"235,97", b"235.97"),
        (b"<InvoiceTypeCode>INV01", b"<InvoiceTypeCode>380"),
        (b'IdentificationSchemeName="IBAN"', b'IdentificationSchemeName="FI"'),
        (b"EpiCharge", b"EpiPrice"),
    ],
)
def test_a_spoiled_finvoice_is_seen_by_the_schema(good, bad):
    xml = finvoice(builders.b1())
    assert good in xml
    assert schema_errors(xml) == []
    assert schema_errors(xml.replace(good, bad)) != []
