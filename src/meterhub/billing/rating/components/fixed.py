"""Fees per year or month, whatever was used (R5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from meterhub.billing.rating.checks import payer_ids
from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.dates import days_in_year, months, new_years
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import FixedMethod, Line
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.rating.tariffs import Component, Span
from meterhub.billing.rating.traces import FixedTrace, Ref
from meterhub.kit.money import line_net, multiply, round_to, trimmed
from meterhub.kit.periods import DateRange, cut_days

MONTH_DECIMALS = 6


class Per(StrEnum):
    """What the price is for."""

    YEAR = "year"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The unit of time, how many units are charged, and who pays if it is not split."""

    per: Per = Per.YEAR
    quantity: Decimal = Decimal(1)
    payer: str | None = None


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per segment; meter exchanges do not cut."""
    for span in context.spans(component, context.quote.period, context.move_cuts):
        if span.version is None or span.vat is None:
            continue
        parameters = span.version.parameters
        assert isinstance(parameters, Parameters)
        if parameters.payer is not None and parameters.payer not in payer_ids(context.quote):
            raise RatingError(
                Reason.BAD_SCENARIO, f"tariff {component.code!r}: payer {parameters.payer!r} is not a payer"
            )
        owner = context.owner(parameters.payer)
        if parameters.per is Per.YEAR and context.rules.fixed_method is FixedMethod.DAYS_OF_YEAR:
            days = cut_days(span.period, new_years(span.period))
            lines = [_by_days(span, parameters, DateRange(start, end)) for start, end in pairwise(days)]
        else:
            lines = [_by_months(span, parameters)]
        for line in lines:
            assert line.period is not None
            yield Charge(line, owner, line.period.start)


def _by_days(span: Span, parameters: Parameters, period: DateRange) -> Line:
    trace = FixedTrace(parameters.quantity, period.days, None, *_refs(span))
    return _line(span, period, quantity_of(trace), "DAY", days_in_year(period.start.year), trace)


def _by_months(span: Span, parameters: Parameters) -> Line:
    elapsed = months(span.period).as_integer_ratio()
    trace = FixedTrace(parameters.quantity, None, elapsed, *_refs(span))
    base = 12 if parameters.per is Per.YEAR else 1
    return _line(span, span.period, quantity_of(trace), "MON", base, trace)


def quantity_of(trace: FixedTrace) -> Decimal:
    """Return days · units, or round6(months · units)."""
    if trace.months is None:
        assert trace.days is not None
        return multiply(Decimal(trace.days), trace.units)
    return trimmed(round_to(Fraction(*trace.months) * Fraction(trace.units), MONTH_DECIMALS))


def _refs(span: Span) -> tuple[Ref, Ref]:
    assert span.version is not None
    assert span.vat is not None
    return span.version.ref, span.vat.ref


def _line(span: Span, period: DateRange, quantity: Decimal, unit: str, base: int, trace: FixedTrace) -> Line:
    assert span.version is not None
    assert span.vat is not None
    price, price_base = span.version.net_price, Decimal(base)
    return Line(
        code=span.version.code,
        point=None,
        period=period,
        quantity=quantity,
        unit=unit,
        unit_price=price,
        price_base_quantity=price_base,
        net=line_net(quantity, price, price_base),
        vat_category=span.vat.category,
        vat_rate=span.vat.rate,
        trace=trace,
    )


def _parameters(fields: Fields) -> Parameters:
    return Parameters(
        per=fields.choice("per", Per, Per.YEAR),
        quantity=fields.decimal("quantity", Decimal(1), low=Decimal(0)),
        payer=fields.optional_text("payer"),
    )


KIND = Kind("fixed", 20, _parameters, rate)
