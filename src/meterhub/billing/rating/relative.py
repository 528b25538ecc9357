"""Shares of other lines: a surcharge or a credit of so many percent of their price."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from meterhub.billing.rating.context import Charge, RatingContext
from meterhub.billing.rating.errors import Reason
from meterhub.billing.rating.model import Line, Site, TariffVersion
from meterhub.billing.rating.periodic import Charged, Time, by_time, time_of
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.rating.tariffs import MAX_PRICE_DECIMALS, Component
from meterhub.billing.rating.traces import RelativeTrace
from meterhub.kit.money import line_net, round_to, trimmed


@dataclass(frozen=True, slots=True)
class Parameters:
    """A share in percent `of` components, or else a fee by time; for sites with the `mark`, if there is one."""

    percent: Decimal | None
    of: tuple[str, ...]
    mark: str | None
    time: Time


def parameters(fields: Fields, *, highest: Decimal | None) -> Parameters:
    """Read `percent` with `of`, or `per` and `apportion`; and `mark`."""
    percent = fields.optional_decimal("percent", low=Decimal(0))
    of = tuple(fields.texts("of", default_empty=True))
    if percent is not None and highest is not None and percent > highest:
        raise bad(Reason.BAD_SCENARIO, fields.at("percent"), str(percent), f"is above {highest}")
    if (percent is None) != (not of):
        raise bad(Reason.BAD_SCENARIO, fields.at("of"), list(of), "belongs to percent, neither is there alone")
    return Parameters(percent, of, fields.optional_text("mark"), time_of(fields))


def has_own_price(given: object) -> bool:
    """Tell whether the net price of the version counts."""
    assert isinstance(given, Parameters)
    return given.percent is None


def rate(context: RatingContext, component: Component, sign: int) -> Iterator[Charge]:
    """Yield the share of each line that is there so far, or the fee by time; `sign` -1 gives it back."""
    yield from _shares(context, component, sign)

    def charging(version: TariffVersion, site: Site) -> Charged | None:
        given = _of(version)
        if given.percent is not None or not _meant(given, site):
            return None
        return Charged(Decimal(sign), version.net_price)

    yield from by_time(context, component, lambda version: _of(version).time, charging)


def price_of(trace: RelativeTrace) -> Decimal:
    """Return the share of a price, to six decimals."""
    return trimmed(round_to(Fraction(trace.on_price) * Fraction(trace.percent) / 100, MAX_PRICE_DECIMALS))


def _shares(context: RatingContext, component: Component, sign: int) -> Iterator[Charge]:
    for charge in list(context.charges):
        period = charge.line.period
        version = component.version_on(period.start) if period else None
        if version is None or period is None:
            continue
        given = _of(version)
        if charge.line.code in given.of and _meant(given, context.site_on(period.start)):
            assert given.percent is not None
            yield charge._replace(
                line=_share(context, charge.line, version, given.percent, sign), counts_to_minimum=False
            )


def _share(context: RatingContext, line: Line, version: TariffVersion, percent: Decimal, sign: int) -> Line:
    assert line.period is not None
    vat = context.quote.prices.vat_on(version.vat_code, context.vat_day or line.period.start)
    trace = RelativeTrace(line.code, line.unit_price, percent, version.ref, vat.ref)
    quantity, price = sign * line.quantity, price_of(trace)
    return Line(
        code=version.code,
        point=line.point,
        period=line.period,
        quantity=quantity,
        unit=line.unit,
        unit_price=price,
        price_base_quantity=line.price_base_quantity,
        net=line_net(quantity, price, line.price_base_quantity),
        vat_category=vat.category,
        vat_rate=vat.rate,
        quality=line.quality,
        trace=trace,
    )


def _of(version: TariffVersion) -> Parameters:
    assert isinstance(version.parameters, Parameters)
    return version.parameters


def _meant(given: Parameters, site: Site) -> bool:
    return given.mark is None or given.mark in site.marks
