"""From an issued document to its PDF: every text and number is made here, the template only places them.

The result depends on the stored document alone (the date inside the PDF is the day of issue, fonts are
those inside typst), so the same document gives the same bytes each time.
"""

import json
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import typst

from meterhub.billing.documents.language import NO_BREAK_SPACE, Language
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.paper.bars import modules
from meterhub.billing.paper.chart import drawn
from meterhub.billing.receivables.barcode import bank_barcode
from meterhub.billing.receivables.identifiers import compact, printed_viite
from meterhub.billing.schemas import InvoiceDetail, InvoiceLineOut
from meterhub.kit.periods import ONE_DAY
from meterhub.kit.units import ML_PER_M3

Sheet = dict[str, Any]  # Any: what the template reads, one shape a block

CURRENCY_SIGNS = {"EUR": "€", "NOK": "kr"}
TIMES = "\N{MULTIPLICATION SIGN}"

# A compiler holds the fonts and the parsed template; it is not made for two threads at once.
_compiling = Lock()


def invoice_pdf(invoice: InvoiceDetail) -> bytes:
    """Return an issued document as PDF."""
    content = json.dumps(sheet(invoice))
    with _compiling:
        made = _compiler().compile(format="pdf", sys_inputs={"sheet": content})
    assert isinstance(made, bytes)
    return made


@lru_cache(maxsize=1)
def _compiler() -> typst.Compiler:
    return typst.Compiler(Path(__file__).with_name("invoice.typ"), ignore_system_fonts=True)


def sheet(invoice: InvoiceDetail) -> Sheet:
    """Return all that is on the paper, as texts and proportions."""
    snapshot = invoice.snapshot
    language = LANGUAGES[snapshot["customer"]["language"]]
    credit = invoice.type == "credit_note"
    money = _money(invoice.currency, language)
    due = "" if credit else language.day(invoice.due_on)
    return {
        "lang": language.code,
        "words": language.words,
        "title": language[invoice.type],
        "number": invoice.number,
        "issued": [invoice.issued_on.year, invoice.issued_on.month, invoice.issued_on.day],
        "seller": snapshot["seller"],
        "customer": snapshot["customer"],
        "head": _head(invoice, language, credit=credit),
        "total": {
            "label": language["credited" if credit else "to_pay"],
            "amount": money(-invoice.gross if credit else invoice.gross),
            "due": due,
        },
        "lines": [_line(line, language, money) for line in invoice.lines],
        "vat": [
            {
                "rate": f"{language.number(group.rate.normalize())}{NO_BREAK_SPACE}%",
                "base": money(group.base),
                "vat": money(group.vat),
                "gross": money(group.base + group.vat),
            }
            for group in invoice.vat_groups
        ],
        "sum": {"net": money(invoice.net), "vat": money(invoice.vat), "gross": money(invoice.gross)},
        "readings": _readings(snapshot, language),
        "chart": drawn(snapshot["chart"], invoice.period[1], language) if invoice.period else None,
        "how": [_how(line, language, money) for line in invoice.lines],
        "prices": language["prices_from"].format(name=snapshot["tariff"]["name"]),
        "transfer": None if credit else _transfer(invoice, language),
    }


def _head(invoice: InvoiceDetail, language: Language, *, credit: bool) -> list[list[str]]:
    snapshot = invoice.snapshot
    place = snapshot["property"]
    meters = ", ".join(f"{one['manufacturer']} {one['serial']}" for one in snapshot["installations"])
    rows = [
        ("number", invoice.number),
        ("issued_on", language.day(invoice.issued_on)),
        ("due_on", "" if credit else language.day(invoice.due_on)),
        ("reference", "" if credit else printed_reference(invoice)),
        ("period", _days(invoice.period, language)),
        ("customer_no", invoice.customer_no),
        ("contract_no", invoice.contract_no or ""),
        ("point", snapshot["point"]["point_code"]),
        ("property", f"{place['property_code']}, {place['street']}, {place['postal_code']} {place['city']}"),
        ("meter", meters),
    ]
    return [[language[word], value] for word, value in rows if value]


def printed_reference(invoice: InvoiceDetail) -> str:
    """Return the reference as people type it: a Finnish one in fives from the right."""
    return printed_viite(invoice.reference) if invoice.snapshot["country"] == "FI" else invoice.reference


def _days(period: tuple[date, date] | None, language: Language) -> str:
    """Return the first and last day, both inclusive; nothing for what has no period."""
    return language.days(period[0], period[1] - ONE_DAY) if period else ""


def _line(line: InvoiceLineOut, language: Language, money: "_Money") -> Sheet:
    return {
        "what": component_name(line.component, language),
        "period": _days(line.period, language),
        "estimated": line.quality == "estimated",
        "quantity": _quantity(line, language),
        "price": _price(line, language, money),
        "vat": f"{language.number(line.vat_rate.normalize())}{NO_BREAK_SPACE}%",
        "net": money(line.net),
    }


def component_name(component: str, language: Language) -> str:
    """Return what a component is called; one that has no words of its own goes by its code."""
    return language.words.get(component, component.replace("_", " ").capitalize())


def _quantity(line: InvoiceLineOut, language: Language) -> str:
    match line.unit:
        case "MTQ":
            return f"{language.number(line.quantity, 3)}{NO_BREAK_SPACE}m³"
        case "DAY":
            return f"{language.number(line.quantity)}{NO_BREAK_SPACE}{language['days']}"
        case "MON":
            return f"{language.number(line.quantity)}{NO_BREAK_SPACE}{language['month']}"
        case _:
            return f"{language.number(line.quantity)}"


def _price(line: InvoiceLineOut, language: Language, money: "_Money") -> str:
    price = f"{language.price(line.unit_price)}{NO_BREAK_SPACE}{money.sign}"
    match line.unit:
        case "MTQ":
            return f"{price}/m³"
        case "DAY":
            return f"{price}/{language['year']}"
        case "MON":
            return f"{price}/{language['year' if line.price_base_quantity > 1 else 'month']}"
        case _:
            return price


def _how(line: InvoiceLineOut, language: Language, money: "_Money") -> str:
    """Return the arithmetic of a line in one row."""
    base = line.price_base_quantity
    divided = f" / {language.number(base)}" if base != 1 else ""
    days = f", {_days(line.period, language)}" if line.period else ""
    return (
        f"{component_name(line.component, language)}{days}: "
        f"{_quantity(line, language)}{divided} {TIMES} {_price(line, language, money)} = {money(line.net)}"
    )


def _readings(snapshot: Sheet, language: Language) -> list[Sheet]:
    rows = []
    for one in snapshot["installations"]:
        reads = one["reads"]
        if not reads:
            continue
        opening, closing = reads[0], reads[-1]
        used_ml = (closing["volume_ml"] - opening["volume_ml"]) % (10 ** one["digits"] * ML_PER_M3)
        rows.append(
            {
                "meter": f"{one['manufacturer']} {one['serial']}",
                "opening": _read(opening, language),
                "closing": _read(closing, language),
                "used": f"{_m3(used_ml, language)}{NO_BREAK_SPACE}m³",
            }
        )
    return rows


def _read(read: Sheet, language: Language) -> Sheet:
    return {
        "on": language.day(date.fromisoformat(read["on"])),
        "value": _m3(read["volume_ml"], language),
        "basis": language[f"basis_{read['basis']}"],
    }


def _transfer(invoice: InvoiceDetail, language: Language) -> Sheet:
    seller = invoice.snapshot["seller"]
    iban = compact(seller["iban"])
    shown = {
        "iban": " ".join(iban[at : at + 4] for at in range(0, len(iban), 4)),
        "bic": seller["bic"],
        "reference": printed_reference(invoice),
        "due": language.day(invoice.due_on),
        "amount": language.number(invoice.gross, 2),
        "barcode": None,
    }
    if invoice.snapshot["country"] == "FI":
        barcode = bank_barcode(iban, invoice.gross, invoice.reference, invoice.due_on)
        shown["barcode"] = {"digits": barcode.digits, "bars": modules(barcode.digits)}
    return shown


class _Money:
    """Writes amounts of one currency in one language."""

    def __init__(self, currency: str, language: Language) -> None:
        self.sign = CURRENCY_SIGNS.get(currency, currency)
        self._language = language

    def __call__(self, amount: Decimal) -> str:
        return f"{self._language.number(amount, 2)}{NO_BREAK_SPACE}{self.sign}"


def _money(currency: str, language: Language) -> _Money:
    return _Money(currency, language)


def _m3(volume_ml: int, language: Language) -> str:
    return language.number(Decimal(volume_ml) / ML_PER_M3, 3)
