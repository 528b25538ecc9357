"""Per m³ of water or wastewater at each main or shared point with that service."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from meterhub.billing.rating import leak_credit
from meterhub.billing.rating.checks import leak_point
from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Line, Point, Quality, Regime, Service
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.rating.tariffs import Component
from meterhub.billing.rating.traces import VolumeTrace
from meterhub.kit.money import line_net, litres_as_m3
from meterhub.kit.periods import DateRange

UNIT = "MTQ"
BASE = Decimal(1)


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per point and segment, of zero volume too, and a leak credit beside each."""
    leak = context.quote.leak_credit
    leaking = leak_point(context.quote) if leak and leak.component == component.code else None
    for point in context.billed_points:
        if component.service in point.services:
            charges = list(_charges(context, component, point))
            yield from charges
            if leak and point.id == leaking:
                yield from leak_credit.credits_beside(charges, leak)


def _charges(context: RatingContext, component: Component, point: Point) -> Iterator[Charge]:
    billed, cuts = _time_billed(context, component, point)
    # Days without a price hold nothing to bill: their registers are neither asked for nor checked.
    spans = [span for span in context.spans(component, billed, cuts) if span.version]
    if not spans:
        return
    bounds = (spans[0].period.start, *(span.period.end for span in spans))
    volumes = context.volumes(point, bounds, less_deducted=component.service == Service.WASTEWATER)
    annual = context.quote.regime is not Regime.METERED
    owner = context.owner(point.payer)
    for span, (volume, deducted) in zip(spans, volumes, strict=True):
        assert span.version is not None
        assert span.vat is not None
        quantity = litres_as_m3(volume.litres)
        price = span.version.net_price
        line = Line(
            code=component.code,
            point=point.id,
            period=span.period,
            quantity=quantity,
            unit=UNIT,
            unit_price=price,
            price_base_quantity=BASE,
            net=line_net(quantity, price, BASE),
            vat_category=span.vat.category,
            vat_rate=span.vat.rate,
            quality=Quality.ESTIMATED if annual or volume.estimated else Quality.ACTUAL,
            trace=VolumeTrace(
                context.rules.volume_apportion, volume.meters, deducted, span.version.ref, span.vat.ref
            ),
        )
        yield Charge(line, owner, span.period.start, counts_to_minimum=True)


def _time_billed(context: RatingContext, component: Component, point: Point) -> tuple[DateRange, list[date]]:
    """Return the days billed, from the first earlier line that is returned (B5), and the cuts inside them."""
    period = context.quote.period
    registers = context.registers(point)
    cuts = [*context.move_cuts, *registers.replaced_on]
    start = period.start
    for earlier in context.quote.earlier:
        line = earlier.line
        if line.unit == UNIT and line.code == component.code and line.point == point.id and line.period:
            cuts += line.period
            start = min(start, line.period.start)
    if start < period.start and (registers.last_read_on is None or registers.last_read_on <= start):
        raise RatingError(
            Reason.TRUE_UP_WITHOUT_READ,
            f"point {point.id!r}: {component.code!r} was billed from {start}, and no read is later",
        )
    return DateRange(start, period.end), cuts


def _no_parameters(_fields: Fields) -> None:
    """Nothing beyond service, price and validity."""


KIND = Kind("volumetric", 10, _no_parameters, rate, needs_service=True)
