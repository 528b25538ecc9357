"""Base fees by dwelling: so much for each home that a site holds."""

from collections.abc import Iterator
from decimal import Decimal

from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.model import Site, TariffVersion
from meterhub.billing.rating.periodic import Charged, Time, by_time, known, time_of
from meterhub.billing.rating.tariffs import Component


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per segment; raises site_fact_missing."""
    return by_time(context, component, _of, _charged)


def _charged(version: TariffVersion, site: Site) -> Charged:
    return Charged(Decimal(known(site.dwellings, "number of dwellings", version.code)), version.net_price)


def _of(version: TariffVersion) -> Time:
    assert isinstance(version.parameters, Time)
    return version.parameters


KIND = Kind("dwelling", 20, time_of, rate)
