"""How a line was computed, in words and numbers, from its trace."""

from collections.abc import Iterator
from decimal import Decimal

from meterhub.billing.rating.model import Line
from meterhub.billing.rating.serialise import plain
from meterhub.billing.rating.traces import (
    Evidence,
    FixedTrace,
    InterestTrace,
    ItemTrace,
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
from meterhub.kit.money import litres_as_m3, ml_as_m3


def explain(line: Line) -> list[str]:
    """Return the steps that led to the line, one a text; empty for a line without a trace."""
    if line.trace is None:
        return []
    steps = list(_steps(line.trace, line))
    if not isinstance(line.trace, SplitTrace | MirrorTrace):
        steps.append(_priced(line.quantity, line))
    return steps


def _priced(quantity: Decimal, line: Line) -> str:
    base = f" / {plain(line.price_base_quantity)}" if line.price_base_quantity != 1 else ""
    return f"{plain(quantity)} {line.unit} x {plain(line.unit_price)}{base} = {plain(line.net)}"


def _steps(trace: Trace, line: Line) -> Iterator[str]:
    if isinstance(trace, VolumeTrace):
        yield from (_meter(part) for part in trace.meters)
        yield from (f"less {_meter(part)}" for part in trace.deducted)
    elif isinstance(trace, FixedTrace):
        if trace.months is None:
            yield f"{trace.days} days x {plain(trace.units)}"
        else:
            numerator, denominator = trace.months
            yield f"{numerator}/{denominator} months x {plain(trace.units)}"
    elif isinstance(trace, LeakTrace):
        cap = "" if trace.cap_left_m3 is None else f", at most {plain(trace.cap_left_m3)} m³"
        yield (
            f"{plain(trace.percent)} % of what {plain(trace.measured_m3)} m³ is above normal use of "
            f"{plain(trace.normal_annual_m3)} m³ a year, counted from {trace.counted_from}{cap}"
        )
    elif isinstance(trace, MinimumTrace):
        yield (
            f"minimum {plain(trace.net_price)} for {trace.days} of {trace.period_days} days, "
            f"volumes came to {plain(trace.volumetric_net)}"
        )
    elif isinstance(trace, RelativeTrace):
        yield f"{plain(trace.percent)} % of the price {plain(trace.on_price)} of {trace.on_code}"
    elif isinstance(trace, ItemTrace):
        yield f"one-off of {trace.on}"
    elif isinstance(trace, MirrorTrace):
        yield f"returned as charged on {trace.document}"
    elif isinstance(trace, InterestTrace):
        for half_year, days, rate, balance in trace.rows:
            yield f"{half_year}: {plain(balance)} x {plain(rate)} % x {days}/365 days"
    elif isinstance(trace, SplitTrace):
        yield from _steps(trace.whole, line)
        total = sum(trace.weights, Decimal(0))
        yield (
            f"weight {plain(trace.weights[trace.position])} of {plain(total)} of "
            f"{plain(trace.whole_quantity)} {line.unit}, {plain(trace.whole_net)} = {plain(line.net)}"
        )


def _meter(part: MeterVolume) -> str:
    billed = litres_as_m3(part.billed_to_l - part.billed_from_l)
    marks = ""
    if (part.billed_from_l, part.billed_to_l) != (part.opening.value_l, part.closing.value_l):
        marks = f", billed up to {litres_as_m3(part.billed_from_l)}, then {litres_as_m3(part.billed_to_l)}"
    name = part.opening.meter or "annual volume"
    return f"{part.point}, {name}: {_value(part.opening)} to {_value(part.closing)}{marks}: {billed} m³"


def _value(value: RegisterValue) -> str:
    return f"{litres_as_m3(value.value_l)} on {value.on} ({_basis(value)})"


def _basis(value: RegisterValue) -> str:
    if value.method is Method.ANNUAL:
        return f"{value.annual_m3} m³ a year from {value.since}"
    if value.method is Method.READ:
        return f"{value.evidence[0].source}{_ref(value.evidence[0])}"
    first = _evidence(value.evidence[0])
    if value.method is Method.INTERPOLATED:
        return f"between {first} and {_evidence(value.evidence[1])}"
    if value.method is Method.ESTIMATED:
        return f"{first} and {value.annual_m3} m³ a year"
    if value.method is Method.REMOVED:
        return f"{first}, removed"
    return f"{first}, not installed before" if value.method is Method.NOT_YET_INSTALLED else first


def _evidence(one: Evidence) -> str:
    return f"{one.source} {plain(ml_as_m3(one.volume_ml))} on {one.on}{_ref(one)}"


def _ref(one: Evidence) -> str:
    return "" if one.ref is None else f" #{one.ref}"
