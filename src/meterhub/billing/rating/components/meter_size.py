"""Base fees by the nominal size of the site's largest meter: a table of sizes and prices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Site, TariffVersion
from meterhub.billing.rating.periodic import Charged, Time, by_time, known, time_of
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.rating.tariffs import Component

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The net price of each size [mm]."""

    sizes: Mapping[int, Decimal]
    time: Time


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per segment; raises site_fact_missing, and rate_missing for a size that has no price."""
    return by_time(context, component, lambda version: _of(version).time, _charged)


def _charged(version: TariffVersion, site: Site) -> Charged:
    size = int(known(site.meter_size_mm, "meter size", version.code))
    sizes = _of(version).sizes
    if size not in sizes:
        listed = ", ".join(str(one) for one in sorted(sizes))
        raise RatingError(
            Reason.RATE_MISSING, f"tariff {version.code!r}: no price for {size} mm, there are {listed}"
        )
    return Charged(_ONE, sizes[size])


def _of(version: TariffVersion) -> Parameters:
    assert isinstance(version.parameters, Parameters)
    return version.parameters


def _parameters(fields: Fields) -> Parameters:
    table = fields.nested("sizes")
    sizes = {}
    for name in table.names():
        if not name.isascii() or not name.isdigit() or not 0 < int(name) <= 9999:
            raise bad(Reason.BAD_SCENARIO, table.at(name), name, "is not a size in millimetres")
        sizes[int(name)] = table.price(name)
    if not sizes:
        raise bad(Reason.RATE_MISSING, fields.at("sizes"), {}, "has no price")
    table.done()
    return Parameters(MappingProxyType(sizes), time_of(fields))


KIND = Kind("meter_size", 20, _parameters, rate, priced=lambda _parameters: False)
