import re
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from barcode.codex import Code128
from pypdf import PdfReader

from meterhub.billing.documents import loading
from meterhub.billing.documents.model import IssuedDocument
from meterhub.billing.documents.reading import document_of
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.paper.bars import modules
from meterhub.billing.paper.chart import drawn, scale
from meterhub.billing.paper.drawing import barcode_svg
from meterhub.billing.paper.invoice_sheet import invoice_sheet
from meterhub.billing.paper.render import invoice_pdf
from meterhub.billing.receivables import barcode
from meterhub.billing.schemas import InvoiceDetail
from tests.billing.service.town import at, b1_house


def issued(town, house) -> IssuedDocument:
    return document_of(town.invoice(house))


def text_of(pdf: bytes) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return re.sub(r"\s+", " ", text)


def test_the_invoice_says_all_that_its_reader_needs(town):
    house = b1_house(town)
    town.daily(house.meter_id, date(2025, 1, 2), 70, 1_000_400, a_day_l=400)
    town.bill()
    text = text_of(invoice_pdf(issued(town, house)))
    for expected in (
        "Example Water Utility",
        "Maija Mallinen Mallikatu 5 A 2 04200 KERAVA",
        "Laskun numero 2025-000001",
        "Eräpäivä 24.4.2025",
        "2 02500 00018",
        house.contract_no,
        "Vesi, käyttömaksu 1.1.\u201331.3.2025 42,000 m³ 1,44 €/m³ 25,5 % 60,48 €",
        "Jätevesi, perusmaksu 1.1.\u201331.3.2025 90 pv 96,00 €/vuosi 25,5 % 23,67 €",
        "25,5 % 188,02 € 47,95 € 235,97 €",
        "1 000,000 1.1.2025 · luettu",
        "1 042,000 1.4.2025 · luettu",
        "90 pv / 365 \u00d7 84,00 €/vuosi = 20,71 €",
        "Vedenkulutus viikoittain (litraa päivässä)",
        "FI21 1234 5600 0007 85",
        "NDEAFIHH",
        "421123456000007850002359700000000000020250000018250424",
    ):
        assert expected in text, expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("fi", ("Lasku", "Maksettava", "Mittarilukemat", "235,97 €")),
        ("sv", ("Faktura", "Att betala", "Mätarställningar", "235,97 €")),
        ("nb", ("Faktura", "Å betale", "Målerstander", "235,97 €")),
        ("en", ("Invoice", "To pay", "Meter readings", "235.97 €", "1 Jan 2025")),
    ],
)
def test_the_invoice_speaks_the_customers_language(town, language, expected):
    house = b1_house(town, language=language)
    town.bill()
    text = text_of(invoice_pdf(issued(town, house)))
    assert [word for word in expected if word not in text] == []


def test_all_languages_have_the_same_words():
    words = {code: set(language.words) for code, language in LANGUAGES.items()}
    assert words["sv"] == words["nb"] == words["en"] == words["fi"]


def test_the_same_invoice_gives_the_same_bytes_also_with_others_in_between(town):
    house, other = b1_house(town), b1_house(town, language="en")
    town.bill()
    first = invoice_pdf(issued(town, house))
    assert invoice_pdf(issued(town, other)) != first
    assert invoice_pdf(issued(town, house)) == first
    assert PdfReader(BytesIO(first)).metadata.creation_date.date() == date(2025, 4, 10)


def test_only_fonts_that_come_with_the_compiler_are_embedded(town):
    house = b1_house(town)
    town.bill()
    page = PdfReader(BytesIO(invoice_pdf(issued(town, house)))).pages[0]
    names = {font.get_object()["/BaseFont"].split("+")[1] for font in page["/Resources"]["/Font"].values()}
    assert all(name.startswith(("LibertinusSerif", "DejaVuSansMono")) for name in names)


def test_an_exchange_shows_the_reads_of_both_meters(town):
    house = town.house((at(date(2025, 1, 1)), "795.200"), language="en")
    new, when = town.meter(), at(date(2025, 2, 11), 10)
    town.remove(house.meter_id, when)
    town.install(new, house.point_id, when)
    town.read(house.meter_id, (when, "812.450", "removal"))
    town.read(new, (when, "0.120", "installation"), (at(date(2025, 4, 1)), "23.905"))
    town.bill()
    rows = invoice_sheet(issued(town, house))["readings"]
    assert [(row["opening"]["value"], row["closing"]["value"], row["used"]) for row in rows] == [
        ("795.200", "812.450", "17.250\u00a0m³"),
        ("0.120", "23.905", "23.785\u00a0m³"),
    ]


def test_a_credit_note_asks_for_no_payment(town):
    house = b1_house(town, language="en")
    town.bill()
    values = town.invoice(house).model_dump()
    values |= {"type": "credit_note", "gross": Decimal("-5.00"), "net": Decimal("-4.00"), "vat": Decimal("-1.00")}
    note = InvoiceDetail.model_validate(values)
    text = text_of(invoice_pdf(document_of(note)))
    assert "Credit note" in text
    assert "Credited 5.00 €" in text
    assert "There is nothing to pay" in text
    assert "FI21" not in text


@pytest.mark.parametrize(
    ("digits", "check"),
    [
        ("479440520200360820048831500000000868516259619897100612", 40),
        ("579440520200360820048831509000000868516259619897100612", 74),
        ("437159030000007760000122500000000000000000011112161221", 76),
        ("537159030000007760000011098000000000000000011112170101", 38),
        ("421123456000007850002359700000000000000022010010250428", 1),
    ],
)
def test_the_bars_carry_the_digits_of_the_published_examples_in_set_c(digits, check):
    assert barcode.check_symbol(digits) == check
    bars = modules(digits)
    widths = set_c_widths()
    # start C, 27 pairs, the check symbol, stop: 11 modules each and 2 more at the end
    pattern = ["0"] * 332
    for start, width in bars:
        pattern[start : start + width] = "1" * width
    symbols = ["".join(pattern[at : at + 11]) for at in range(0, 319, 11)]
    pairs = [int(digits[n : n + 2]) for n in range(0, 54, 2)]
    assert [widths.index(symbol) for symbol in symbols] == [105, *pairs, check]
    assert sum(width for _, width in bars) < 332
    assert bars[-1][0] + bars[-1][1] == 332


def set_c_widths() -> list[str]:
    from barcode.charsets.code128 import CODES

    return list(CODES)


def test_the_barcode_of_an_issued_invoice_is_that_of_its_payment_data(town):
    house = b1_house(town)
    town.bill()
    invoice = town.invoice(house)
    shown = invoice_sheet(document_of(invoice))["transfer"]
    assert shown["digits"] == "421123456000007850002359700000000000020250000018250424"
    assert shown["barcode"] == barcode_svg(shown["digits"])
    assert Code128(shown["digits"]).build()[0].count("1") == sum(width for _, width in modules(shown["digits"]))


@pytest.mark.parametrize(
    ("highest", "top", "step"),
    [
        ("560", "600", "200"),
        ("1", "1", "0.5"),
        ("0.3", "0.3", "0.1"),
        ("9.9", "10", "5"),
        ("4000", "4000", "1000"),
    ],
)
def test_the_scale_of_the_chart_holds_the_highest_bar(highest, top, step):
    assert scale(Decimal(highest)) == (Decimal(top), Decimal(step))


def test_a_day_without_volume_has_no_bar_and_backflow_no_height():
    chart = {"unit": "day", "start": "2025-01-01", "volumes_ml": [2_000, None, -500]}
    assert drawn(chart, date(2025, 1, 4), LANGUAGES["en"])["bars"] == [1.0, None, 0.0]


def test_a_last_week_that_is_cut_short_compares_with_the_others():
    chart = {"unit": "week", "start": "2025-01-25", "volumes_ml": [700_000, 700_000, 100_000]}
    picture = drawn(chart, date(2025, 2, 9), LANGUAGES["en"])
    assert picture["bars"] == [1.0, 1.0, 1.0]
    assert picture["mean"] == "100 litres a day on average"
    assert picture["labels"] == [{"bar": 0, "text": "Jan"}, {"bar": 1, "text": "Feb"}]


def test_months_are_drawn_as_they_are():
    chart = {"unit": "month", "start": "2025-11-15", "volumes_ml": [3_000_000, None, 6_000_000]}
    picture = drawn(chart, date(2026, 2, 1), LANGUAGES["en"])
    assert picture["bars"] == [0.5, None, 1.0]
    assert [label["text"] for label in picture["labels"]] == ["Nov", "Dec", "Jan"]


def test_a_missing_document_is_named(town):
    from meterhub.errors import NotFound

    with town.engine.connect() as connection, pytest.raises(NotFound, match="2025-000009"):
        loading.find_invoice(connection, "2025-000009")
