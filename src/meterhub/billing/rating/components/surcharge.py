"""Surcharges: a share of other components' prices, or a fee by time; for all sites or for marked ones."""

from collections.abc import Iterator

from meterhub.billing.rating import relative
from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.tariffs import Component


def rate(context: RatingContext, component: Component) -> Iterator[Charge]:
    """Yield a line beside each line that it is on, or per segment."""
    return relative.rate(context, component, 1)


KIND = Kind(
    "surcharge",
    40,
    lambda fields: relative.parameters(fields, highest=None),
    rate,
    priced=relative.has_own_price,
)
