"""Rules of Peppol on lines, prices, allowances and charges; a function each, which yields what is wrong."""

from decimal import Decimal

from meterhub.billing.einvoice.peppol_reading import (
    Findings,
    allowances,
    line_name,
    lines,
    number,
    quantity_of,
    text,
)
from meterhub.billing.einvoice.ubl import CAC, CBC
from meterhub.billing.einvoice.xml import Element
from meterhub.kit.money import multiply, round2

TOLERANCE = Decimal("0.02")


def allowance_amount(root: Element) -> Findings:
    """R040: an allowance or charge is its base times its percentage."""
    for one in allowances(root):
        base, percent = number(one, f"{CBC}BaseAmount"), number(one, f"{CBC}MultiplierFactorNumeric")
        amount = number(one, f"{CBC}Amount")
        if base is None or percent is None or amount is None:
            continue
        if abs(amount - multiply(base, percent).scaleb(-2)) > TOLERANCE:
            yield f"an allowance or charge of {amount} is not {percent} % of {base}"


def allowance_base(root: Element) -> Findings:
    """R041: a percentage comes with a base."""
    for one in allowances(root):
        if text(one, f"{CBC}MultiplierFactorNumeric") and not text(one, f"{CBC}BaseAmount"):
            yield "an allowance or charge has a percentage but no base amount"


def allowance_percentage(root: Element) -> Findings:
    """R042: a base comes with a percentage."""
    for one in allowances(root):
        if text(one, f"{CBC}BaseAmount") and not text(one, f"{CBC}MultiplierFactorNumeric"):
            yield "an allowance or charge has a base amount but no percentage"


def charge_indicator(root: Element) -> Findings:
    """R043: the indicator of an allowance or charge is true or false."""
    for one in root.iter(f"{CAC}AllowanceCharge"):
        found = text(one, f"{CBC}ChargeIndicator")
        if found not in ("true", "false"):
            yield f"ChargeIndicator is {found!r}"


def no_charge_on_prices(root: Element) -> Findings:
    """R044: a price has allowances only."""
    for one in root.iter(f"{CAC}Price"):
        if text(one, f"{CAC}AllowanceCharge/{CBC}ChargeIndicator") == "true":
            yield "a price has a charge"


def net_price(root: Element) -> Findings:
    """R046: the net price is the gross price less its allowance."""
    for one in root.iter(f"{CAC}Price"):
        gross = number(one, f"{CAC}AllowanceCharge/{CBC}BaseAmount")
        allowance = number(one, f"{CAC}AllowanceCharge/{CBC}Amount")
        price = number(one, f"{CBC}PriceAmount")
        if gross is not None and allowance is not None and price is not None and price != gross - allowance:
            yield f"the price {price} is not {gross} less {allowance}"


def line_starts_inside(root: Element) -> Findings:
    """R110: the period of a line starts inside that of the document."""
    yield from _outside(root, "StartDate")


def line_ends_inside(root: Element) -> Findings:
    """R111: the period of a line ends inside that of the document."""
    yield from _outside(root, "EndDate")


def line_amount(root: Element) -> Findings:
    """R120: a line is quantity times price over base quantity, with charges and allowances, within 0.02."""
    for line in lines(root):
        quantity, net = quantity_of(line), number(line, f"{CBC}LineExtensionAmount")
        price = number(line, f"{CAC}Price/{CBC}PriceAmount")
        base = number(line, f"{CAC}Price/{CBC}BaseQuantity", "1")
        count = None if quantity is None else number(line, quantity.tag)
        if count is None or net is None or price is None or not base:
            continue
        extra = Decimal(0)
        for one in line.iterfind(f"{CAC}AllowanceCharge"):
            amount = number(one, f"{CBC}Amount") or Decimal(0)
            extra += amount if text(one, f"{CBC}ChargeIndicator") == "true" else -amount
        expected = round2(multiply(count, price) / base) + extra
        if abs(net - expected) > TOLERANCE:
            yield f"{line_name(line)}: {count} at {price} per {base} is {expected}, not {net}"


def base_quantity(root: Element) -> Findings:
    """R121: a base quantity is above zero."""
    for line in lines(root):
        base = number(line, f"{CAC}Price/{CBC}BaseQuantity")
        if base is not None and base <= 0:
            yield f"{line_name(line)}: the base quantity is {base}"


def base_unit(root: Element) -> Findings:
    """R130: the base quantity has the unit of the quantity."""
    for line in lines(root):
        quantity, base = quantity_of(line), line.find(f"{CAC}Price/{CBC}BaseQuantity")
        if quantity is None or base is None or base.get("unitCode") is None:
            continue
        if base.get("unitCode") != quantity.get("unitCode"):
            yield f"{line_name(line)}: the price is per {base.get('unitCode')}, not {quantity.get('unitCode')}"


def _outside(root: Element, end: str) -> Findings:
    start, last = (text(root, f"{CAC}InvoicePeriod/{CBC}{name}") for name in ("StartDate", "EndDate"))
    for line in lines(root):
        day = text(line, f"{CAC}InvoicePeriod/{CBC}{end}")
        if day and ((start and day < start) or (last and day > last)):
            yield f"{line_name(line)}: {end} {day} lies outside of {start} to {last}"
