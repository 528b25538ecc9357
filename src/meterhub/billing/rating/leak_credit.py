"""Credit of leaked volume: what a charge line holds above normal use (B7)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from meterhub.billing.rating.context import Charge
from meterhub.billing.rating.dates import DAYS_PER_YEAR
from meterhub.billing.rating.model import LeakCredit
from meterhub.billing.rating.traces import LeakTrace, VolumeTrace
from meterhub.kit.money import divide_half_up, line_net, litres_as_m3, round3

SUFFIX = "_LEAK_CREDIT"


def credits_beside(charges: Sequence[Charge], leak: LeakCredit) -> Iterator[Charge]:
    """Yield a credit for each charge line above normal use, until the cap is used up."""
    left = leak.cap_m3
    for charge in charges:
        line = charge.line
        assert line.period is not None
        assert isinstance(line.trace, VolumeTrace)
        trace = LeakTrace(
            measured_m3=line.quantity,
            normal_annual_m3=leak.normal_annual_m3,
            counted_from=charges[0].on,
            percent=leak.percent,
            cap_left_m3=left,
            tariff_ref=line.trace.tariff_ref,
            vat_ref=line.trace.vat_ref,
        )
        credited = credited_m3(trace, line.period.start, line.period.end)
        if not credited:
            continue
        if left is not None:
            left -= credited
        credit = replace(
            line,
            code=line.code + SUFFIX,
            quantity=-credited,
            net=line_net(-credited, line.unit_price, line.price_base_quantity),
            trace=trace,
        )
        yield charge._replace(line=credit)


def credited_m3(trace: LeakTrace, start: date, end: date) -> Decimal:
    """Return min(round3(max(0, measured - normal) · percent/100), cap left) [m³]."""
    normal = _normal_m3(trace, end) - _normal_m3(trace, start)
    leaked = max(Decimal(0), trace.measured_m3 - normal)
    credited = round3(Fraction(leaked) * Fraction(trace.percent) / 100)
    return credited if trace.cap_left_m3 is None else min(credited, trace.cap_left_m3)


def _normal_m3(trace: LeakTrace, day: date) -> Decimal:
    numerator, denominator = trace.normal_annual_m3.as_integer_ratio()
    days = (day - trace.counted_from).days
    return litres_as_m3(divide_half_up(numerator * 1000 * days, denominator * DAYS_PER_YEAR))
