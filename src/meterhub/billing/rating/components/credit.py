"""Credits of a price list: a share of other components given back, or an amount by time; quantities below zero."""

from collections.abc import Iterator
from decimal import Decimal

from meterhub.billing.rating import relative
from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.tariffs import Component

_HIGHEST = Decimal(100)


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line beside each line that it is on, or per segment."""
    return relative.rate(context, component, -1)


KIND = Kind(
    "credit",
    50,
    lambda fields: relative.parameters(fields, highest=_HIGHEST),
    rate,
    priced=relative.has_own_price,
)
