"""What people write into forms, as values; a fault is named with the text that has it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from meterhub.errors import BadInput
from meterhub.kit.money import CENT

_MOST = Decimal(10) ** 9
EARLIEST, LATEST = 1900, 2999


def amount_of(written: str) -> Decimal | None:
    """Return an amount in cents, written with a point or a comma, or None for nothing; raises BadInput."""
    short = written.strip().replace(",", ".")
    if not short:
        return None
    try:
        amount = Decimal(short)
    except InvalidOperation:
        raise BadInput(f"{written!r} is not an amount", fields={"amount": "not a number"}) from None
    if not amount.is_finite() or abs(amount) >= _MOST or amount != round(amount, 2):
        raise BadInput(f"{written!r} is not an amount in cents", fields={"amount": "not in cents"})
    return amount.quantize(CENT)


def day_of(written: str) -> date | None:
    """Return a day as date fields send it, or None for nothing; raises BadInput."""
    if not written.strip():
        return None
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise BadInput(f"{written!r} is not a day like 2026-01-31") from None
    if not EARLIEST <= day.year <= LATEST:
        raise BadInput(f"{written!r} is not in a year from {EARLIEST} to {LATEST}")
    return day


def days_of(written: Sequence[str]) -> list[date]:
    """Return days that all have to be there; raises BadInput."""
    days = [day_of(one) for one in written]
    if None in days:
        raise BadInput("a day is missing")
    return [day for day in days if day is not None]
