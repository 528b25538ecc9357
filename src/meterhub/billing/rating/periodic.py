"""Fees by time, whatever they are for (R5): days over the length of the year, or months."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from meterhub.billing.rating.checks import payer_ids
from meterhub.billing.rating.context import Charge, RatingContext
from meterhub.billing.rating.dates import days_in_year, months, new_years
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import FixedMethod, Line, Site, TariffVersion
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.rating.tariffs import Component, Span
from meterhub.billing.rating.traces import FixedTrace, Ref
from meterhub.kit.money import line_net, multiply, round_to, trimmed
from meterhub.kit.periods import DateRange, cut_days

MONTH_DECIMALS = 6
UNIT_DECIMALS = 6


class Per(StrEnum):
    """What the price is for."""

    YEAR = "year"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Time:
    """The unit of time of a price, and how a part of it is counted; None is the utility's rule."""

    per: Per = Per.YEAR
    apportion: FixedMethod | None = None


class Charged(NamedTuple):
    """How many units of what net price a site is charged, and who pays if it is not split."""

    units: Decimal
    net_price: Decimal
    payer: str | None = None


Charging = Callable[[TariffVersion, Site], Charged | None]


def time_of(fields: Fields) -> Time:
    """Read `per` and `apportion` of a price list."""
    method = fields.choice("apportion", FixedMethod) if fields.has("apportion") else None
    return Time(fields.choice("per", Per, Per.YEAR), method)


def by_time(
    context: RatingContext, component: Component, time: Callable[[TariffVersion], Time], charging: Charging
) -> Iterator[Charge]:
    """Yield a line per segment; a change of what is known of the site cuts, a meter exchange does not."""
    cuts = (*context.move_cuts, *context.site_cuts)
    for span in context.spans(component, context.quote.period, cuts):
        if span.version is None or span.vat is None:
            continue
        charged = charging(span.version, context.site_on(span.period.start))
        if charged is None:
            continue
        if charged.payer is not None and charged.payer not in payer_ids(context.quote):
            raise RatingError(
                Reason.BAD_SCENARIO, f"tariff {component.code!r}: payer {charged.payer!r} is not a payer"
            )
        owner = context.owner(charged.payer)
        for line in _shared_lines(context, span, charged, time(span.version)):
            assert line.period is not None
            yield Charge(line, owner, line.period.start)


def quantity_of(trace: FixedTrace) -> Decimal:
    """Return days · units, or round6(months · units)."""
    if trace.months is None:
        assert trace.days is not None
        return multiply(Decimal(trace.days), trace.units)
    return trimmed(round_to(Fraction(*trace.months) * Fraction(trace.units), MONTH_DECIMALS))


def units_of(exact: Fraction) -> Decimal:
    """Return a number of units that is billed by, to six decimals."""
    return trimmed(round_to(exact, UNIT_DECIMALS))


def known(value: Decimal | int | str | None, what: str, component: str) -> Decimal | int | str:
    """Return a fact of the site; raise site_fact_missing, a fee is never guessed."""
    if value is None:
        raise RatingError(Reason.SITE_FACT_MISSING, f"tariff {component!r}: the site's {what} is not known")
    return value


def _shared_lines(context: RatingContext, span: Span, charged: Charged, time: Time) -> list[Line]:
    method = context.rules.fixed_method
    # 1 and 1.0 are equal and not the same: a line says which
    key = (str(charged.units), str(charged.net_price), charged.payer, time, method)
    return context.quote.prices.lines_by_time(span, key, lambda: _lines(span, charged, time, method))


def _lines(span: Span, charged: Charged, time: Time, method: FixedMethod) -> list[Line]:
    if time.per is Per.YEAR and (time.apportion or method) is FixedMethod.DAYS_OF_YEAR:
        days = cut_days(span.period, new_years(span.period))
        return [_by_days(span, charged, DateRange(start, end)) for start, end in pairwise(days)]
    return [_by_months(span, charged, time.per)]


def _by_days(span: Span, charged: Charged, period: DateRange) -> Line:
    trace = FixedTrace(charged.units, period.days, None, *_refs(span))
    return _line(span, charged, period, "DAY", days_in_year(period.start.year), trace)


def _by_months(span: Span, charged: Charged, per: Per) -> Line:
    elapsed = months(span.period).as_integer_ratio()
    trace = FixedTrace(charged.units, None, elapsed, *_refs(span))
    return _line(span, charged, span.period, "MON", 12 if per is Per.YEAR else 1, trace)


def _refs(span: Span) -> tuple[Ref, Ref]:
    assert span.version is not None
    assert span.vat is not None
    return span.version.ref, span.vat.ref


def _line(span: Span, charged: Charged, period: DateRange, unit: str, base: int, trace: FixedTrace) -> Line:
    assert span.version is not None
    assert span.vat is not None
    quantity, price_base = quantity_of(trace), Decimal(base)
    return Line(
        code=span.version.code,
        point=None,
        period=period,
        quantity=quantity,
        unit=unit,
        unit_price=charged.net_price,
        price_base_quantity=price_base,
        net=line_net(quantity, charged.net_price, price_base),
        vat_category=span.vat.category,
        vat_rate=span.vat.rate,
        trace=trace,
    )
