"""The floor of one bill: what volumetric lines and leak credits lack, as a line of its own."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.model import Line
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.rating.tariffs import Component
from meterhub.billing.rating.traces import MinimumTrace
from meterhub.kit.money import ZERO, line_net, round2
from meterhub.kit.periods import DateRange

ONE = Decimal(1)


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield one line for the bill, or for each part of a move, whose volumetric net is below the floor."""
    period, move = context.quote.period, context.quote.move
    component.refuse_gap(period)
    counted = [charge for charge in context.charges if charge.counts_to_minimum]
    if move is None:
        parts = [(period, counted)]
    else:
        before = [charge for charge in counted if charge.on < move.on]
        after = [charge for charge in counted if charge.on >= move.on]
        parts = [(DateRange(period.start, move.on), before), (DateRange(move.on, period.end), after)]
    for part, charges in parts:
        version = component.version_on(part.last_day)
        if version is None:
            continue
        volumetric_net = sum((charge.line.net for charge in charges), ZERO)
        vat = context.quote.prices.vat_on(version.vat_code, part.last_day)
        trace = MinimumTrace(version.net_price, part.days, period.days, volumetric_net, version.ref, vat.ref)
        lacking = lacking_net(trace)
        if lacking > 0:
            line = Line(
                code=component.code,
                point=None,
                period=part,
                quantity=ONE,
                unit="C62",
                unit_price=lacking,
                price_base_quantity=ONE,
                net=line_net(ONE, lacking, ONE),
                vat_category=vat.category,
                vat_rate=vat.rate,
                trace=trace,
            )
            yield Charge(line, None, part.start)


def lacking_net(trace: MinimumTrace) -> Decimal:
    """Return the floor less the volumetric net; a part of a move has its days' part of the floor."""
    if trace.days == trace.period_days:
        return trace.net_price - trace.volumetric_net
    floor = round2(Fraction(trace.net_price) * trace.days / trace.period_days)
    return floor - trace.volumetric_net


def _no_parameters(_fields: Fields) -> None:
    """Nothing beyond price and validity."""


KIND = Kind("minimum", 90, _no_parameters, rate)
