"""E-invoices are valid by the official schemas, the rules of EN 16931, and those of Peppol."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from meterhub.billing.documents.model import IssuedDocument, IssuedVat, LetterKind
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.einvoice.finvoice import finvoice_reminder
from meterhub.billing.einvoice.making import make_finvoice, make_ubl
from meterhub.billing.einvoice.ubl import CAC, CBC
from meterhub.errors import BadInput, Conflict
from tests.billing import scenarios
from tests.billing.documents import builders
from tests.billing.einvoice.validators import cen_failures, schema_errors

WORKED = {
    "B1": builders.b1(),
    "B2, two VAT groups": builders.b2(),
    "B5, a true-up to a credit": builders.b5(),
    **{f"B6, payer {n}": document for n, document in enumerate(builders.b6(), 1)},
    "B8, Norway over the VAT change": builders.b8(),
    "interest": builders.interest(),
    "interest in Norway": builders.interest("NO"),
    "credit of B2": builders.credit_of(builders.b2()),
    "credit of B8": builders.credit_of(builders.b8()),
    "credit of interest": builders.credit_of(builders.interest()),
    "credit of a credit": replace(
        builders.credit_of(builders.b5()), type="invoice", number="2025-000499", credits="C2025-000002"
    ),
}


def finvoice_buyer(document: IssuedDocument) -> IssuedDocument:
    buyer = replace(document.buyer, einvoice_address="003720840699", einvoice_operator="BAWCFI22")
    return replace(document, buyer=buyer)


@pytest.mark.parametrize("document", WORKED.values(), ids=WORKED)
def test_worked_bills_are_valid_ubl(document):
    xml = make_ubl(document)
    assert schema_errors(xml) == []
    assert cen_failures(xml) == set()


@pytest.mark.parametrize(
    "document",
    [d for d in WORKED.values() if d.country == "FI"],
    ids=[n for n, d in WORKED.items() if d.country == "FI"],
)
def test_worked_bills_are_valid_finvoice(document):
    assert schema_errors(make_finvoice(finvoice_buyer(document))) == []


@pytest.mark.parametrize("kind", LetterKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_are_valid_finvoice(kind, language):
    xml = finvoice_reminder(builders.letter(kind, language=language))
    assert schema_errors(xml) == []
    root = etree.fromstring(xml)
    assert root.findtext("InvoiceDetails/InvoiceTypeCode") == "INV08"
    assert root.findtext("EpiDetails/EpiPaymentInstructionDetails/EpiInstructedAmount") == "428,99"


MONEY = st.decimals("0.000001", "9999.999999", places=6)
PRICES = st.one_of(MONEY, st.decimals("0", "99", places=2))
LITRES = st.integers(0, 5_000_000)


@st.composite
def bills(draw) -> IssuedDocument:
    """A bill of a house on reads at random days, prices and volumes, with VAT changes and one-offs."""
    country = draw(st.sampled_from(["FI", "NO"]))
    period = draw(
        st.sampled_from([("2024-07-01", "2025-10-01"), ("2025-01-01", "2025-04-01"), ("2024-08-31", "2024-09-02")])
    )
    tariff = [
        scenarios.price("WATER", str(draw(PRICES)), valid_from="2024-01-01"),
        scenarios.price("BASE_WATER", str(draw(PRICES)), "fixed", valid_from="2024-01-01"),
        scenarios.price("MINIMUM", str(draw(PRICES)), "minimum", valid_from="2024-01-01"),
    ]
    opening = draw(LITRES)
    closing = opening + draw(LITRES)
    point = scenarios.point_used(f"{opening / 1000:.3f}", f"{closing / 1000:.3f}", period)
    items = [
        {
            "code": "METER_RENT",
            "quantity": str(draw(st.integers(-9, 9).filter(bool))),
            "net_price": "12.34",
            "vat_code": "std",
        }
        for _ in range(draw(st.integers(0, 2)))
    ]
    made = scenarios.documents(scenarios.quote(point, country=country, period=period, tariff=tariff, items=items))
    name = draw(st.text(st.characters(codec="utf-8"), min_size=0, max_size=90))
    document = builders.issued(made[0], country, period=period)
    buyer = replace(document.buyer, name=f"As Oy {name}", einvoice_operator="BAWCFI22")
    address = buyer.einvoice_address if country == "NO" else "0216:003720840699"
    document = replace(document, buyer=replace(buyer, einvoice_address=address))
    return builders.credit_of(document) if draw(st.booleans()) and document.gross > 0 else document


@given(bills())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_every_generated_bill_is_valid(document):
    xml = make_ubl(document)
    assert schema_errors(xml) == []
    assert cen_failures(xml) == set()
    if document.country == "FI":
        assert schema_errors(make_finvoice(document)) == []


def test_a_credit_note_of_ubl_states_what_is_returned_as_positive():
    root = etree.fromstring(make_ubl(WORKED["B5, a true-up to a credit"]))
    assert etree.QName(root).localname == "CreditNote"
    assert root.findtext(f"{CBC}CreditNoteTypeCode") == "381"
    assert root.find(f"{CBC}DueDate") is None
    assert root.findtext(f"{CAC}LegalMonetaryTotal/{CBC}PayableAmount") == "125.81"
    quantities = [line.findtext(f"{CBC}CreditedQuantity") for line in root.iterfind(f"{CAC}CreditNoteLine")]
    assert quantities == ["-16.058", "-16.058", "45.37", "45.37"]


def test_a_credit_note_of_finvoice_keeps_its_signs_and_names_what_it_credits():
    document = WORKED["credit of B2"]
    root = etree.fromstring(make_finvoice(finvoice_buyer(document)))
    details = root.find("InvoiceDetails")
    assert details.findtext("InvoiceTypeCode") == "INV02"
    assert details.findtext("InvoiceTypeCodeUN") == "381"
    assert details.findtext("OriginalInvoiceNumber") == "2025-000417"
    assert details.findtext("InvoiceTotalVatIncludedAmount") == "-437,12"
    assert root.findtext("EpiDetails/EpiPaymentInstructionDetails/EpiInstructedAmount") == "0,00"
    assert root.find("VirtualBankBarcode") is None


def test_finvoice_tells_use_reads_payment_and_inclusive_ends():
    root = etree.fromstring(make_finvoice(finvoice_buyer(WORKED["B1"])))
    assert root.findtext("InvoiceDetails/InvoicingPeriodEndDate") == "20250331"
    assert root.findtext("SellerPartyDetails/SellerOrganisationTaxCode") == "FI02012566"
    assert root.findtext("MessageTransmissionDetails/MessageSenderDetails/FromIdentifier") == "003702012566"
    assert root.findtext("VirtualBankBarcode") == "421123456000007850002359700000000000020250004179250424"
    row = root.find("InvoiceRow")
    told = {child.tag: child.text for child in row}
    assert told["RowUsedQuantity"] == "42"
    assert told["RowPreviousMeterReadingDate"] == "20250101"
    assert told["RowLatestMeterReadingDate"] == "20250401"
    assert told["RowAveragePriceAmount"] == "1,44"
    assert told["RowVatExcludedAmount"] == "60,48"
    payment = root.find("EpiDetails/EpiPaymentInstructionDetails")
    remittance = payment.find("EpiRemittanceInfoIdentifier")
    assert (remittance.text, remittance.get("IdentificationSchemeName")) == ("20250004179", "SPY")
    assert payment.findtext("EpiInstructedAmount") == "235,97"


def test_an_estimate_is_calculated_and_not_used_in_finvoice():
    estimated = scenarios.document(
        scenarios.quote(
            scenarios.point(scenarios.meter(scenarios.read("2025-01-01", "10")), annual_estimate="100")
        )
    )
    row = etree.fromstring(make_finvoice(finvoice_buyer(builders.issued(estimated)))).find("InvoiceRow")
    assert row.findtext("RowCalculatedQuantity") == "24,658"
    assert row.find("RowUsedQuantity") is None


def test_an_rf_reference_is_named_as_such():
    document = replace(finvoice_buyer(WORKED["B1"]), reference="RF111232")
    root = etree.fromstring(make_finvoice(document))
    remittance = root.find("EpiDetails/EpiPaymentInstructionDetails/EpiRemittanceInfoIdentifier")
    assert (remittance.text, remittance.get("IdentificationSchemeName")) == ("RF111232", "ISO")
    assert root.findtext("VirtualBankBarcode").startswith("5")


def test_an_ehf_invoice_has_norwegian_identifiers_and_the_kid():
    root = etree.fromstring(make_ubl(WORKED["B8, Norway over the VAT change"]))
    supplier = root.find(f"{CAC}AccountingSupplierParty/{CAC}Party")
    endpoint = supplier.find(f"{CBC}EndpointID")
    assert (endpoint.get("schemeID"), endpoint.text) == ("0192", "987609877")
    assert supplier.findtext(f"{CAC}PartyTaxScheme/{CBC}CompanyID") == "NO987609877MVA"
    assert root.findtext(f"{CAC}PaymentMeans/{CBC}PaymentMeansCode") == "30"
    assert root.findtext(f"{CAC}PaymentMeans/{CBC}PaymentID") == "20250004171"
    assert len(root.findall(f"{CAC}TaxTotal/{CAC}TaxSubtotal")) == 2


def test_a_limited_company_in_norway_states_its_register():
    document = WORKED["B8, Norway over the VAT change"]
    xml = make_ubl(replace(document, seller=replace(document.seller, limited_company=True)))
    assert b"Foretaksregisteret" in xml
    assert cen_failures(xml) == set()


def test_a_payers_part_whose_rounded_quantity_misses_its_cents_is_one_piece_at_its_net():
    made = scenarios.documents(
        scenarios.quote(
            scenarios.point_used("0", "0", role="shared"),
            payers=[{"id": name, "weight": "1"} for name in ("P1", "P2", "P3")],
            items=[{"code": "CONNECTION_WATER", "quantity": "1", "net_price": "1000.00", "vat_code": "std"}],
        )
    )
    xml = make_ubl(builders.issued(made[0]))
    line = next(
        one
        for one in etree.fromstring(xml).iterfind(f"{CAC}InvoiceLine")
        if one.findtext(f"{CAC}Item/{CAC}SellersItemIdentification/{CBC}ID") == "CONNECTION_WATER"
    )
    assert line.findtext(f"{CBC}Note") == "0.333 C62 x 1000 / 1"
    assert line.findtext(f"{CBC}InvoicedQuantity") == "1"
    assert line.findtext(f"{CBC}LineExtensionAmount") == line.findtext(f"{CAC}Price/{CBC}PriceAmount") == "333.34"
    assert cen_failures(xml) == set()


@pytest.mark.parametrize("make", [make_ubl, make_finvoice])
def test_what_the_parties_lack_is_named_field_by_field(make):
    document = WORKED["B1"]
    lacking = replace(
        document,
        seller=replace(document.seller, iban="FI2112345600000786"),
        buyer=replace(document.buyer, einvoice_address="", einvoice_operator="", name=" "),
    )
    with pytest.raises(BadInput) as raised:
        make(lacking)
    assert {"utility.iban", "customer.einvoice_address", "customer.name"} <= set(raised.value.fields)
    assert ("customer.einvoice_operator" in raised.value.fields) == (make is make_finvoice)
    assert "customer C00017 has no e-invoice address" in str(raised.value)


def test_an_address_that_is_of_no_peppol_scheme_is_named():
    document = WORKED["B1"]
    with pytest.raises(BadInput, match="'FI2112345600000785' is no Peppol address"):
        make_ubl(replace(document, buyer=replace(document.buyer, einvoice_address="FI2112345600000785")))


def test_an_organisation_number_with_a_wrong_check_digit_is_never_sent():
    document = WORKED["B8, Norway over the VAT change"]
    with pytest.raises(Conflict, match="COMMON-R041"):
        make_ubl(replace(document, buyer=replace(document.buyer, einvoice_address="0192:979399902")))


def cent_off(document: IssuedDocument) -> IssuedDocument:
    """The VAT of the group and all totals a cent up: valid for every official rule."""
    (group,) = document.vat_groups
    wrong = IssuedVat(group.category, group.rate, group.base, group.vat + Decimal("0.01"))
    return replace(
        document,
        vat_groups=(wrong,),
        vat=document.vat + Decimal("0.01"),
        gross=document.gross + Decimal("0.01"),
    )


@pytest.mark.parametrize("make", [make_ubl, make_finvoice])
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (cent_off, "47.96 is not the VAT of 188.02"),
        (lambda d: replace(d, lines=d.lines[1:]), "the lines come to 127.54, the group has 188.02"),
        (lambda d: replace(d, net=d.net + 1), "net 189.02 is not the sum of the lines"),
        (lambda d: replace(d, gross=d.gross + 1), "gross 236.97 is not net and VAT"),
        (lambda d: replace(d, vat_groups=d.vat_groups * 2), "the VAT groups are not those of the lines"),
    ],
)
def test_amounts_that_disagree_by_a_cent_are_never_sent(make, spoil, expected):
    with pytest.raises(Conflict, match=re.escape(expected)):
        make(spoil(finvoice_buyer(WORKED["B1"])))
