"""Computes a stored line again from its trace and says what does not agree."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from meterhub.billing.rating.components.minimum import lacking_net
from meterhub.billing.rating.dates import interest_of_days, weight
from meterhub.billing.rating.leak_credit import credited_m3
from meterhub.billing.rating.model import Line
from meterhub.billing.rating.periodic import quantity_of
from meterhub.billing.rating.registers import annual_part_l, interpolated_l, whole_litres
from meterhub.billing.rating.relative import price_of
from meterhub.billing.rating.splitting import part_of_quantity, split_cents
from meterhub.billing.rating.traces import (
    Apportion,
    FixedTrace,
    InterestTrace,
    LeakTrace,
    MeterVolume,
    Method,
    MinimumTrace,
    MirrorTrace,
    RegisterValue,
    RelativeTrace,
    SplitTrace,
    Trace,
    VolumeTrace,
)
from meterhub.kit.money import cents, from_cents, line_net, litres_as_m3, round2


def disagreements(line: Line) -> list[str]:
    """Return what a computation from the trace gives otherwise than the line says; empty when all agrees."""
    trace = line.trace
    if trace is None:
        return ["the line has no trace"]
    found: list[str] = []
    if isinstance(trace, SplitTrace):
        whole = _whole_line(line, trace)
        found += disagreements(whole)
        _compare(
            found, "quantity", line.quantity, part_of_quantity(trace.whole_quantity, trace.weights, trace.position)
        )
        parts = split_cents(cents(trace.whole_net), trace.weights)
        _compare(found, "net", line.net, from_cents(parts[trace.position]))
        return found
    if isinstance(trace, MirrorTrace):
        return found
    _compare_quantity(line, trace, found)
    _compare(found, "net", line.net, line_net(line.quantity, line.unit_price, line.price_base_quantity))
    return found


def register_value_l(value: RegisterValue, apportion: Apportion) -> int:
    """Return V of a day again from its evidence [l]."""
    annual = None if value.annual_m3 is None else value.annual_m3.as_integer_ratio()
    if value.method is Method.ANNUAL:
        assert annual is not None
        assert value.since is not None
        return annual_part_l(annual, weight(apportion, value.since, value.on), apportion)
    first = value.evidence[0]
    if value.method is Method.INTERPOLATED:
        return interpolated_l(first, value.evidence[1], value.on, apportion)
    if value.method is Method.ESTIMATED:
        assert annual is not None
        estimated = annual_part_l(annual, weight(apportion, first.on, value.on), apportion)
        return whole_litres(first.unwrapped_ml) + estimated
    return whole_litres(first.unwrapped_ml)


def _compare_quantity(line: Line, trace: Trace, found: list[str]) -> None:
    if isinstance(trace, VolumeTrace):
        litres = sum(_billed_l(part, trace.apportion, found) for part in trace.meters)
        litres -= sum(_billed_l(part, trace.apportion, found) for part in trace.deducted)
        _compare(found, "quantity", line.quantity, litres_as_m3(litres))
    elif isinstance(trace, FixedTrace):
        _compare(found, "quantity", line.quantity, quantity_of(trace))
    elif isinstance(trace, LeakTrace):
        assert line.period is not None
        credited = credited_m3(trace, line.period.start, line.period.end)
        _compare(found, "quantity", line.quantity, -credited)
    elif isinstance(trace, MinimumTrace):
        _compare(found, "unit price", line.unit_price, lacking_net(trace))
    elif isinstance(trace, RelativeTrace):
        _compare(found, "unit price", line.unit_price, price_of(trace))
    elif isinstance(trace, InterestTrace):
        exact = sum((interest_of_days(days, rate, balance) for _, days, rate, balance in trace.rows), Fraction(0))
        _compare(found, "unit price", line.unit_price, round2(exact))


def _whole_line(line: Line, trace: SplitTrace) -> Line:
    return replace(line, quantity=trace.whole_quantity, net=trace.whole_net, trace=trace.whole)


def _billed_l(part: MeterVolume, apportion: Apportion, found: list[str]) -> int:
    for value in (part.opening, part.closing):
        _compare(found, f"register on {value.on}", value.value_l, register_value_l(value, apportion))
    mark = max(part.billed_from_l, part.closing.value_l)
    _compare(found, f"billed up to {part.closing.on}", part.billed_to_l, mark)
    return part.billed_to_l - part.billed_from_l


def _compare(found: list[str], what: str, stored: Decimal | int, computed: Decimal | int) -> None:
    if stored != computed:
        found.append(f"{what}: stored {stored}, computed {computed}")
