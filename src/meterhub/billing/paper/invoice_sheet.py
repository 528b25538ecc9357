"""All that is on the paper of an invoice or credit note, as texts and proportions."""

from datetime import date
from decimal import Decimal

from meterhub.billing.documents.language import NO_BREAK_SPACE, Language
from meterhub.billing.documents.model import INTEREST, IssuedDocument, IssuedLine
from meterhub.billing.paper.chart import drawn
from meterhub.billing.paper.drawing import bars_svg
from meterhub.billing.paper.transfer import transfer
from meterhub.billing.paper.writing import (
    Money,
    Sheet,
    currency_sign,
    facts,
    frame,
    money_in,
    percent,
    printed_reference,
)
from meterhub.kit.periods import DateRange
from meterhub.kit.units import ML_PER_M3
from meterhub.kit.values import Json

# Fewer lines are on one page with all that comes below them.
MOST_LINES_OF_A_PAGE = 5
TIMES = "\N{MULTIPLICATION SIGN}"


def invoice_sheet(document: IssuedDocument) -> Sheet:
    """Return what the template `invoice.typ` places."""
    language, snapshot = document.language, document.snapshot
    money = money_in(document.currency, language)
    title = "interest_invoice" if document.kind == INTEREST and not document.is_credit else document.type
    return {
        **frame(document, language[title]),
        "head": _head(document),
        "long": len(document.lines) > MOST_LINES_OF_A_PAGE,
        "total": {
            "label": language["credited" if document.is_credit else "to_pay"],
            "amount": money(-document.gross if document.is_credit else document.gross),
            "due": "" if document.is_credit else language.day(document.due_on),
        },
        "lines": [_line(line, document, money) for line in document.lines],
        "vat": [
            {
                "rate": percent(group.rate, language) if group.category != "O" else "\N{EN DASH}",
                "base": money(group.base),
                "vat": money(group.vat),
                "gross": money(group.base + group.vat),
            }
            for group in document.vat_groups
        ],
        "sum": {"net": money(document.net), "vat": money(document.vat), "gross": money(document.gross)},
        "readings": _readings(snapshot, language),
        "chart": _chart(document),
        "how": [row for line in document.lines for row in _how(line, document, money)],
        "prices": _prices(snapshot, language),
        "note": language["credit_text"] if document.is_credit else "",
        "transfer": None if document.is_credit else transfer(document, document.gross),
    }


def _head(document: IssuedDocument) -> list[list[str]]:
    language, snapshot = document.language, document.snapshot
    place, point = snapshot.get("property"), snapshot.get("point")
    meters = ", ".join(f"{one['manufacturer']} {one['serial']}" for one in snapshot.get("installations") or ())
    where = f"{place['property_code']}, {place['street']}, {place['postal_code']} {place['city']}" if place else ""
    rows = [
        ("number", document.number),
        ("credits", document.credits),
        ("issued_on", language.day(document.issued_on)),
        ("due_on", "" if document.is_credit else language.day(document.due_on)),
        ("reference", "" if document.is_credit else printed_reference(document.reference)),
        ("period", _days(document.period, language)),
        ("customer_no", document.buyer.customer_no),
        ("contract_no", document.contract_no),
        ("point", point["point_code"] if point else ""),
        ("property", where),
        ("meter", meters),
    ]
    return facts(rows, language)


def _line(line: IssuedLine, document: IssuedDocument, money: Money) -> Sheet:
    language = document.language
    return {
        "what": line.name if document.kind != INTEREST else f"{line.name} {line.refers_to or ''}".strip(),
        "period": _days(line.period, language),
        "estimated": line.estimated,
        "quantity": _quantity(line, language),
        "price": _price(line, document),
        "vat": percent(line.vat_rate, language) if line.vat_category != "O" else "\N{EN DASH}",
        "net": money(line.net),
    }


def _days(period: DateRange | None, language: Language) -> str:
    return language.days(period.start, period.last_day) if period else ""


def _quantity(line: IssuedLine, language: Language) -> str:
    match line.unit:
        case "MTQ":
            return f"{language.number(line.quantity, 3)}{NO_BREAK_SPACE}m³"
        case "MTK":
            return f"{language.number(line.quantity.normalize())}{NO_BREAK_SPACE}m²"
        case "DAY":
            return f"{language.number(line.quantity)}{NO_BREAK_SPACE}{language['days']}"
        case "MON":
            return f"{language.number(line.quantity)}{NO_BREAK_SPACE}{language['month']}"
        case "HUR":
            return f"{language.number(line.quantity)}{NO_BREAK_SPACE}h"
        case _:
            return f"{language.number(line.quantity)}"


def _price(line: IssuedLine, document: IssuedDocument) -> str:
    language = document.language
    price = f"{language.price(line.unit_price)}{NO_BREAK_SPACE}{currency_sign(document.currency)}"
    match line.unit:
        case "MTQ":
            return f"{price}/m³"
        case "MTK":
            return f"{price}/m²"
        case "DAY":
            return f"{price}/{language['year']}"
        case "MON":
            return f"{price}/{language['year' if line.price_base_quantity > 1 else 'month']}"
        case "HUR":
            return f"{price}/h"
        case _:
            return price


def _how(line: IssuedLine, document: IssuedDocument, money: Money) -> list[str]:
    """Return the arithmetic of a line; late interest has a row a half-year and balance besides."""
    language = document.language
    base = line.price_base_quantity
    divided = f" / {language.number(base)}" if base != 1 else ""
    days = _days(line.period, language)
    name = f"{line.name}, {days}" if days else line.name
    steps = [
        f"{step.half_year}: "
        + language["interest_row"].format(
            days=step.days, rate=language.number(step.rate.normalize()), balance=money(step.balance)
        )
        for step in line.interest
    ]
    if steps:
        return [f"{name}: {money(line.net)}", *steps]
    return [f"{name}: {_quantity(line, language)}{divided} {TIMES} {_price(line, document)} = {money(line.net)}"]


def _readings(snapshot: Json, language: Language) -> list[Sheet]:
    rows = []
    for one in snapshot.get("installations") or ():
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


def _read(read: Json, language: Language) -> Sheet:
    return {
        "on": language.day(date.fromisoformat(read["on"])),
        "value": _m3(read["volume_ml"], language),
        "basis": language[f"basis_{read['basis']}"],
    }


def _m3(volume_ml: int, language: Language) -> str:
    return language.number(Decimal(volume_ml) / ML_PER_M3, 3)


def _chart(document: IssuedDocument) -> Sheet | None:
    """Return the picture of consumption; None where there is none, empty where nothing is known of the period."""
    stored = document.snapshot.get("chart")
    if stored is None or document.period is None:
        return None
    picture = drawn(stored, document.period.end, document.language)
    if picture is None:
        return {}
    return {**picture, "bars": len(picture["bars"]), "svg": bars_svg(picture["bars"])}


def _prices(snapshot: Json, language: Language) -> str:
    tariff = snapshot.get("tariff")
    return language["prices_from"].format(name=tariff["name"]) if tariff else ""
