"""Exact rounding, half up and away from zero: the only place where billing rounds (R8).

Python's `round` and `Decimal`'s default round half to even and would give 656.02 for 656.025.
Everything here is exact up to the one rounding it is called for.
"""

from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation
from fractions import Fraction

CENT = Decimal("0.01")
LITRE = Decimal("0.001")
ZERO = Decimal("0.00")

# Wide enough that no product or quotient of two 32-digit inputs can be rounded into or out of a tie.
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero])
_ML_PER_M3_EXPONENT = -6


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator as the nearest integer, ties away from zero; denominator > 0."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((denominator - 2 * numerator) // (2 * denominator))


def round_to(value: Decimal | Fraction, decimals: int) -> Decimal:
    """Round to so many decimals, half up and away from zero."""
    if isinstance(value, Fraction):
        scaled = divide_half_up(value.numerator * 10**decimals, value.denominator)
        return Decimal(scaled).scaleb(-decimals, _EXACT)
    return value.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)


def round2(value: Decimal | Fraction) -> Decimal:
    """Round to cents."""
    return value.quantize(CENT, context=_EXACT) if isinstance(value, Decimal) else round_to(value, 2)


def round3(value: Decimal | Fraction) -> Decimal:
    """Round to litres, for volumes in m³."""
    return value.quantize(LITRE, context=_EXACT) if isinstance(value, Decimal) else round_to(value, 3)


def line_net(quantity: Decimal, unit_price: Decimal, price_base_quantity: Decimal) -> Decimal:
    """Return the net of an invoice line (R6): round2(quantity · price / base quantity)."""
    amount = _EXACT.multiply(quantity, unit_price)
    if price_base_quantity != 1:
        amount = _EXACT.divide(amount, price_base_quantity)
    return amount.quantize(CENT, context=_EXACT)


def share(amount: Decimal, percent: Decimal) -> Decimal:
    """Return round2(amount · percent / 100), as for one VAT group (R7)."""
    return _EXACT.multiply(amount, percent).scaleb(-2, _EXACT).quantize(CENT, context=_EXACT)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact product."""
    return _EXACT.multiply(left, right)


def net_of_gross(gross: Decimal, vat_rate: Decimal, decimals: int) -> Decimal:
    """Return the net price of one decided with VAT: gross / (1 + rate/100), rounded to so many decimals."""
    return round_to(Fraction(gross) * 100 / (100 + Fraction(vat_rate)), decimals)


def thousandths(number: int) -> Decimal:
    """Return a number of thousandths with three decimals."""
    return Decimal(number).scaleb(-3)


def litres_as_m3(litres: int) -> Decimal:
    """Return whole litres as m³ with three decimals."""
    return thousandths(litres)


def ml_as_m3(volume_ml: int) -> Decimal:
    """Return millilitres as m³, with three decimals where that is exact."""
    exact = Decimal(volume_ml).scaleb(_ML_PER_M3_EXPONENT)
    litres = exact.quantize(LITRE, context=_EXACT)
    return litres if litres == exact else exact


def trimmed(value: Decimal) -> Decimal:
    """Return the same value without trailing zeros after the point."""
    value = value.normalize(_EXACT)
    return value.quantize(Decimal(1), context=_EXACT) if value.as_tuple().exponent > 0 else value  # type: ignore[operator]  # finite


def cents(amount: Decimal) -> int:
    """Return an amount of at most two decimals in cents."""
    return int(amount.scaleb(2))


def from_cents(amount: int) -> Decimal:
    """Return cents as an amount with two decimals."""
    return Decimal(amount).scaleb(-2)
