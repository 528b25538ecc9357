"""VAT per group of category and rate (R7), never summed from lines."""

from collections.abc import Iterable
from decimal import Decimal

from meterhub.billing.rating.model import Line, VatGroup
from meterhub.kit.money import ZERO, share

OUTSIDE_SCOPE = "O"


def vat_groups(lines: Iterable[Line]) -> tuple[VatGroup, ...]:
    """Return one group per (category, rate), in that order: vat = round2(Σ net · rate/100)."""
    bases: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        key = (line.vat_category, line.vat_rate)
        bases[key] = bases.get(key, ZERO) + line.net
    return tuple(
        VatGroup(category, rate, base, share(base, rate)) for (category, rate), base in sorted(bases.items())
    )
