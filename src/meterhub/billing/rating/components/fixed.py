"""Fees per year or month, whatever was used (R5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.model import FixedMethod, Site, TariffVersion
from meterhub.billing.rating.periodic import Charged, Per, Time, by_time, time_of
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.rating.tariffs import Component


@dataclass(frozen=True, slots=True)
class Parameters:
    """The unit of time, how many units are charged, who pays if it is not split, and how parts are counted."""

    per: Per = Per.YEAR
    quantity: Decimal = Decimal(1)
    payer: str | None = None
    apportion: FixedMethod | None = None


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line per segment."""
    return by_time(context, component, _time, _charged)


def _time(version: TariffVersion) -> Time:
    given = _of(version)
    return Time(given.per, given.apportion)


def _charged(version: TariffVersion, _site: Site) -> Charged:
    given = _of(version)
    return Charged(given.quantity, version.net_price, given.payer)


def _of(version: TariffVersion) -> Parameters:
    assert isinstance(version.parameters, Parameters)
    return version.parameters


def _parameters(fields: Fields) -> Parameters:
    time = time_of(fields)
    return Parameters(
        per=time.per,
        quantity=fields.decimal("quantity", Decimal(1), low=Decimal(0)),
        payer=fields.optional_text("payer"),
        apportion=time.apportion,
    )


KIND = Kind("fixed", 20, _parameters, rate)
