"""Base fees by floor area: per m² or by class of area, times a factor of the building type."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from meterhub.billing.rating.building_factors import Factors, factors_of
from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Site, TariffVersion
from meterhub.billing.rating.periodic import Charged, Time, by_time, known, time_of, units_of
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.rating.tariffs import Component


@dataclass(frozen=True, slots=True)
class Parameters:
    """Factors of building types; classes as (up to and including m², net price), the last may be open."""

    factors: Factors
    classes: tuple[tuple[Decimal | None, Decimal], ...]
    time: Time


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per segment; raises site_fact_missing, and rate_missing for an area above all classes."""
    return by_time(context, component, lambda version: _of(version).time, _charged)


def _charged(version: TariffVersion, site: Site) -> Charged:
    given = _of(version)
    area = Decimal(known(site.floor_area_m2, "floor area", version.code))
    factor = given.factors.of(site, version.code)
    if not given.classes:
        return Charged(units_of(Fraction(area) * Fraction(factor)), version.net_price)
    for up_to, price in given.classes:
        if up_to is None or area <= up_to:
            return Charged(factor, price)
    raise RatingError(Reason.RATE_MISSING, f"tariff {version.code!r}: no class holds a floor area of {area} m²")


def _of(version: TariffVersion) -> Parameters:
    assert isinstance(version.parameters, Parameters)
    return version.parameters


def _parameters(fields: Fields) -> Parameters:
    classes: list[tuple[Decimal | None, Decimal]] = []
    for one in fields.objects("classes", default_empty=True):
        up_to = one.optional_decimal("up_to_m2", low=Decimal(0))
        if classes and (classes[-1][0] is None or (up_to is not None and up_to <= classes[-1][0])):
            raise bad(Reason.TARIFF_OVERLAP, one.at("up_to_m2"), str(up_to), "does not lie above the class before")
        classes.append((up_to, one.price("net_price")))
        one.done()
    return Parameters(factors_of(fields), tuple(classes), time_of(fields))


def _has_own_price(parameters: object) -> bool:
    assert isinstance(parameters, Parameters)
    return not parameters.classes


KIND = Kind("floor_area", 20, _parameters, rate, priced=_has_own_price)
