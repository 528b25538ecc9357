"""What is on paper beyond the usual invoice: codes, giro, letters, interest, attachments, standards, languages."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from virtuaaliviivakoodi import virtuaaliviivakoodi

from meterhub.billing.documents.model import InterestStep, IssuedDocument, LetterKind
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.einvoice.making import make_ubl
from meterhub.billing.paper.drawing import QUIET_ZONE, barcode_svg, qr_svg
from meterhub.billing.paper.invoice_sheet import MOST_LINES_OF_A_PAGE, invoice_sheet
from meterhub.billing.paper.render import invoice_pdf, letter_pdf
from meterhub.billing.paper.transfer import epc_qr, printed_no_account
from meterhub.billing.receivables.barcode import bank_barcode
from meterhub.billing.receivables.identifiers import make_rf, make_viite
from tests.billing.documents import builders
from tests.billing.documents.builders import HOUSEHOLD


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages))


REFERENCES = st.integers(100, 10**15).map(str).map(make_viite)


@given(
    REFERENCES,
    st.integers(1, 99_999_999),
    st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2060, 1, 1))),
    st.booleans(),
)
@settings(max_examples=200)
def test_the_bank_barcode_agrees_with_another_implementation(reference, cents, due_on, international):
    amount = Decimal(cents).scaleb(-2)
    given = make_rf(reference) if international else reference
    iban = "FI2112345600000785"
    expected = virtuaaliviivakoodi(iban=iban, reference=given, euro_amount=amount, due_date=due_on)
    assert bank_barcode(iban, amount, given, due_on).digits == expected
    assert expected[0] == ("5" if international else "4")


def test_the_qr_code_holds_the_payment_line_by_line():
    document = builders.b1()
    assert epc_qr(document.seller, document.gross, document.reference, document.due_on).split("\n") == [
        "BCD", "001", "1", "SCT", "NDEAFIHH", "Mallilan Vesi Oy", "FI2112345600000785", "EUR235.97", "",
        "20250004179", "", "ReqdExctnDt/2025-04-24",
    ]  # fmt: skip


def test_the_picture_of_a_qr_code_has_its_modules():
    """Drawn into a matrix again, the runs of the path are the three finder patterns and a quiet zone."""
    svg = qr_svg("BCD")
    size = int(re.search(r'width="(\d+)"', svg)[1])
    dark = set()
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", svg):
        dark |= {(int(x) + n, int(y)) for n in range(int(width))}
    finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
    last = size - 2 * QUIET_ZONE - 7
    for left, top in ((0, 0), (last, 0), (0, last)):
        for y, row in enumerate(finder):
            for x, module in enumerate(row):
                assert ((QUIET_ZONE + left + x, QUIET_ZONE + top + y) in dark) == (module == "1")
    assert all(QUIET_ZONE <= x < size - QUIET_ZONE and QUIET_ZONE <= y < size - QUIET_ZONE for x, y in dark)


def test_a_norwegian_invoice_has_a_giro_with_kid_and_account_and_neither_barcode_nor_qr():
    document = builders.b8()
    text = text_of(invoice_pdf(document))
    for expected in ("Kundeidentifikasjon (KID) 20250004171", "8601 11 17947", "Betalt av", "Kroner", "Øre 85"):
        assert expected in text, expected
    sheet = invoice_sheet(document)["transfer"]
    assert (sheet["barcode"], sheet["qr"], sheet["form"]) == ("", "", "giro")
    assert printed_no_account("NO93 8601 1117 947") == "8601 11 17947"


def test_an_rf_reference_is_printed_in_fours_with_a_barcode_of_version_5():
    sheet = invoice_sheet(replace(builders.b1(), reference="RF341234561"))["transfer"]
    assert sheet["reference"] == "RF34 1234 561"
    assert sheet["digits"].startswith("5")
    assert sheet["barcode"] == barcode_svg(sheet["digits"])


def test_an_interest_invoice_shows_each_half_year_and_no_vat():
    document = builders.interest()
    steps = (
        InterestStep("2023H2", 41, Decimal(11), Decimal("412.37")),
        InterestStep("2024H1", 182, Decimal("11.5"), Decimal("412.37")),
    )
    document = replace(document, lines=(replace(document.lines[0], interest=steps),))
    text = text_of(invoice_pdf(document))
    assert "Korkolasku" in text
    assert "2023H2: 41 pv, 11 %, pääoma 412,37 €" in text
    assert "2024H1: 182 pv, 11,5 %, pääoma 412,37 €" in text
    assert "25,5" not in text


def test_a_credit_note_names_what_it_credits():
    text = text_of(invoice_pdf(builders.credit_of(builders.b1())))
    assert "Hyvityslasku" in text
    assert "Hyvittää laskun 2025-000417" in text
    assert "FI21" not in text


@pytest.mark.parametrize("kind", LetterKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_speak_every_language_and_ask_for_the_sum(kind, language):
    letter = builders.letter(kind, language=language)
    text = text_of(letter_pdf(letter))
    sign = letter.language
    assert sign[kind] in text
    assert f"428{sign.decimal_sign}99" in text
    assert "2025-000417" in text
    assert sign["REMINDER_FEE"] in text
    assert "{" not in text
    if letter.acts_on:
        assert sign.day(letter.acts_on).replace("\u00a0", " ") in text
    if kind is LetterKind.DISCONNECTION_WARNING:
        assert "245-1-17" in text


def test_the_words_of_all_languages_take_the_same_values():
    for word, text in LANGUAGES["en"].words.items():
        fields = sorted(re.findall(r"\{(\w+)\}", text))
        for code, language in LANGUAGES.items():
            assert sorted(set(re.findall(r"\{(\w+)\}", language[word]))) == sorted(set(fields)), (code, word)


def test_the_file_says_that_it_is_accessible_pdf_a():
    pdf = invoice_pdf(builders.b1())
    reader = PdfReader(BytesIO(pdf))
    metadata = reader.xmp_metadata.stream.get_data().decode()
    assert re.search(r"pdfaid:part[>=\"' ]+3", metadata)
    assert re.search(r"pdfaid:conformance[>=\"' ]+A", metadata)
    assert "pdfuaid" in metadata
    assert reader.trailer["/Root"]["/Lang"] == "fi"
    assert "/StructTreeRoot" in reader.trailer["/Root"]


def test_the_same_document_gives_the_same_bytes_each_time_of_every_kind():
    made = [
        (invoice_pdf, builders.b2()),
        (invoice_pdf, builders.b8()),
        (invoice_pdf, builders.credit_of(builders.b1())),
        (letter_pdf, builders.letter()),
    ]
    first = [make(document) for make, document in made]
    assert [make(document) for make, document in reversed(made)] == first[::-1]


def test_an_e_invoice_can_travel_inside_the_pdf():
    document = builders.b8()
    xml = make_ubl(document)
    reader = PdfReader(BytesIO(invoice_pdf(document, attached=xml)))
    assert reader.attachments == {f"{document.number}.xml": [xml]}


@pytest.mark.parametrize(
    "name", ["Åse Ødegård-Þórsson", "Łukasz Żółć", "Ελένη Юлия", "王小明 🚰", "a\x00b\u200fc\u0301"]
)
def test_a_name_in_any_script_prints(name):
    document = builders.b1()
    pdf = invoice_pdf(replace(document, buyer=replace(document.buyer, name=name)))
    assert pdf.startswith(b"%PDF-")


def test_every_character_that_is_let_through_has_a_glyph():
    """PDF/A refuses text without a glyph, so a character missing from the fonts would fail to compile."""
    letters = (
        "".join(
            chr(code)
            for start, end in (
                (0x20, 0x7F),
                (0xA0, 0x180),
                (0x218, 0x21C),
                (0x384, 0x38B),
                (0x38C, 0x38D),
                (0x38E, 0x3A2),
                (0x3A3, 0x3CF),
                (0x400, 0x460),
            )
            for code in range(start, end)
        )
        + "\u1e9e\u2010\u2011\u2012\u2013\u2014\u2015\u2018\u2019\u201c\u201d\u2022\u202f\u20ac\u2212"
    )
    document = builders.b1()
    assert invoice_pdf(replace(document, buyer=replace(document.buyer, name=letters))).startswith(b"%PDF-")


def lengthened(document: IssuedDocument, lines: int) -> IssuedDocument:
    """A document with more lines and all that a household's invoice shows."""
    return replace(
        document,
        snapshot={**document.snapshot, **HOUSEHOLD},
        lines=tuple(replace(document.lines[n % len(document.lines)], position=n + 1) for n in range(lines)),
    )


@pytest.mark.parametrize(("lines", "pages"), [(4, 1), (MOST_LINES_OF_A_PAGE, 1), (MOST_LINES_OF_A_PAGE + 12, 2)])
def test_an_invoice_of_usual_length_is_one_page_and_a_longer_one_is_numbered(lines, pages):
    pdf = invoice_pdf(lengthened(builders.b1(), lines))
    assert len(PdfReader(BytesIO(pdf)).pages) == pages
    assert (f"Sivu 1 / {pages}" in text_of(pdf)) == (lines > MOST_LINES_OF_A_PAGE)
