"""Factors of a fee by the type of the building."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Site
from meterhub.billing.rating.periodic import known
from meterhub.billing.rating.strict_json import Fields

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Factors:
    """By building type; without any all buildings count once."""

    by_type: Mapping[str, Decimal]

    def of(self, site: Site, component: str) -> Decimal:
        """Return the factor of a site; raise site_fact_missing, or rate_missing for a type that is not listed."""
        if not self.by_type:
            return _ONE
        kind = str(known(site.building_type, "building type", component))
        if kind not in self.by_type:
            listed = ", ".join(self.by_type)
            raise RatingError(
                Reason.RATE_MISSING, f"tariff {component!r}: no factor for {kind!r}, there are {listed}"
            )
        return self.by_type[kind]


def factors_of(fields: Fields) -> Factors:
    """Read `factors`: building types and decimals."""
    table = fields.optional_nested("factors")
    if table is None:
        return Factors(MappingProxyType({}))
    factors = {name: table.decimal(name, low=Decimal(0)) for name in table.names()}
    table.done()
    return Factors(MappingProxyType(factors))
