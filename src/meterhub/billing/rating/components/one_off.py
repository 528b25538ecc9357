"""Prices of products and services that are billed when they are ordered; no bill of use has them by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.billing.rating.context import Charge, Kind, RatingContext
from meterhub.billing.rating.errors import Reason
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.rating.tariffs import Component

# UN/ECE Recommendation 20: piece, hour, m², m³, metre, kilometre, day.
UNITS = ("C62", "HUR", "MTK", "MTQ", "MTR", "KMT", "DAY")
LANGUAGES = ("fi", "sv", "nb", "en")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The unit that the price is for, the product's names by language, and whether it needs a permit or order."""

    unit: str
    names: tuple[tuple[str, str], ...]
    needs_permit: bool


def rate(_context: RatingContext, _component: Component) -> Iterator[Charge]:
    """Yield nothing: what was ordered comes as items of a bill of its own."""
    return iter(())


def _parameters(fields: Fields) -> Parameters:
    unit = fields.text("unit", "C62")
    if unit not in UNITS:
        raise bad(Reason.BAD_SCENARIO, fields.at("unit"), unit, f"is none of {', '.join(UNITS)}")
    table = fields.optional_nested("names")
    names: tuple[tuple[str, str], ...] = ()
    if table is not None:
        names = tuple((language, table.text(language)) for language in LANGUAGES if table.has(language))
        table.done()
    return Parameters(unit, names, fields.flag("needs_permit", default=False))


KIND = Kind("one_off", 95, _parameters, rate)
