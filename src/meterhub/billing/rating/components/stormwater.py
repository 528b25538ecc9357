"""Stormwater fees: flat for small houses, else by plot area times a factor of the building type."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from meterhub.billing.rating.building_factors import Factors, factors_of
from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.errors import Reason
from meterhub.billing.rating.model import Site, TariffVersion
from meterhub.billing.rating.periodic import Charged, Time, by_time, known, time_of, units_of
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.rating.tariffs import Component

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Building types that pay the price once; others price · plot area/`per_m2` · factor."""

    flat: tuple[str, ...]
    per_m2: Decimal
    factors: Factors
    mark: str | None
    time: Time


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per segment; raises site_fact_missing, and rate_missing for a type without factor."""
    return by_time(context, component, lambda version: _of(version).time, _charged)


def _charged(version: TariffVersion, site: Site) -> Charged | None:
    given = _of(version)
    if given.mark is not None and given.mark not in site.marks:
        return None
    if given.flat and str(known(site.building_type, "building type", version.code)) in given.flat:
        return Charged(_ONE, version.net_price)
    area = Decimal(known(site.plot_area_m2, "plot area", version.code))
    factor = given.factors.of(site, version.code)
    units = Fraction(area) * Fraction(factor) / Fraction(given.per_m2)
    return Charged(units_of(units), version.net_price)


def _of(version: TariffVersion) -> Parameters:
    assert isinstance(version.parameters, Parameters)
    return version.parameters


def _parameters(fields: Fields) -> Parameters:
    per_m2 = fields.decimal("per_m2", Decimal(1000))
    if per_m2 <= 0:
        raise bad(Reason.BAD_SCENARIO, fields.at("per_m2"), str(per_m2), "is not above 0")
    return Parameters(
        flat=tuple(fields.texts("flat", default_empty=True)),
        per_m2=per_m2,
        factors=factors_of(fields),
        mark=fields.optional_text("mark"),
        time=time_of(fields),
    )


KIND = Kind("stormwater", 20, _parameters, rate)
