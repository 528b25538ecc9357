"""One year of one account by one price list: the same numbers as a quote, computed once for accounts alike; pure.

A template is the quote of an account that used one cubic metre. What is by the cubic metre is linear in the
volume, so every account of the same shape has the template's lines with its own volume and its own rounding
(R6, R7). Only a minimum fee is not linear: an account below it is rated by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from meterhub.billing.rating.model import (
    Country,
    Installation,
    Line,
    Point,
    Quote,
    Read,
    ReadSource,
    Service,
    Site,
    TariffVersion,
    VatVersion,
)
from meterhub.billing.rating.quoting import quote
from meterhub.billing.rating.tariffs import PriceList
from meterhub.kit.money import ZERO, line_net, litres_as_m3, share
from meterhub.kit.periods import DateRange

ML_PER_L = 1000
_UNIT = "MTQ"
_DIGITS = 9
# Shapes kept: a town has a few hundred; where every home is its own, memory stays flat.
_KEPT = 10_000
# What each kind of component asks about the site: only that makes accounts differ.
_FACTS = {
    "meter_size": ("meter_size_mm",),
    "floor_area": ("floor_area_m2", "building_type"),
    "dwelling": ("dwellings",),
    "stormwater": ("plot_area_m2", "building_type", "marks"),
    "surcharge": ("marks",),
    "credit": ("marks",),
}


class Shape(NamedTuple):
    """What accounts have alike apart from their volume."""

    services: tuple[str, ...]
    period: DateRange
    site: Site


class Rated(NamedTuple):
    """What an account comes to: net by component, and in all."""

    components: dict[str, Decimal]
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class _Template:
    """Lines by VAT group: fixed nets, and (code, price, quantity for one m³) of those by volume."""

    fixed: dict[tuple[str, Decimal], dict[str, Decimal]]
    by_volume: dict[tuple[str, Decimal], list[tuple[str, Decimal, Decimal]]]
    counted: tuple[tuple[Decimal, Decimal], ...]


class YearlyPrices:
    """A price list as it stands on one day, held for a whole year."""

    def __init__(
        self, country: Country, currency: str, versions: Iterable[TariffVersion], vat: Iterable[VatVersion]
    ) -> None:
        self.country, self.currency = country, currency
        self.versions, self.vat = tuple(versions), tuple(vat)
        kinds = {version.kind for version in self.versions}
        self._facts = frozenset(fact for kind in kinds for fact in _FACTS.get(kind, ()))
        floors = [version.net_price for version in self.versions if version.kind == "minimum"]
        self._floor = max(floors, default=None)
        self._volumetric = {version.code for version in self.versions if version.kind == "volumetric"}
        self._lists: dict[tuple[str, ...], PriceList] = {}
        self._templates: dict[Shape, _Template] = {}

    def rate(self, shape: Shape, volume_ml: int) -> Rated:
        """Return what an account comes to; raises RatingError where the list has no price for it."""
        shape = shape._replace(site=self._what_matters(shape.site))
        template = self._templates.get(shape)
        if template is None:
            if len(self._templates) >= _KEPT:
                self._templates.clear()
            template = self._templates[shape] = self._template(shape)
        litres = (volume_ml + ML_PER_L // 2) // ML_PER_L
        quantity = litres_as_m3(litres)
        if self._floor is not None:
            counted = sum((line_net(quantity * one, price, Decimal(1)) for price, one in template.counted), ZERO)
            if counted < self._floor:
                return _rated(self.quoted(shape, litres))
        return _scaled(template, quantity)

    def quoted(self, shape: Shape, litres: int) -> list[Line]:
        """Return the lines of the pure quote of an account."""
        start, end = shape.period
        reads = (
            Read(start, 0, ReadSource.AMR, confirmed=True),
            Read(end, litres * ML_PER_L, ReadSource.AMR, confirmed=True),
        )
        point = Point(
            id="point",
            installations=(Installation("meter", reads, digits=_DIGITS),),
            services=tuple(Service(service) for service in shape.services if service in tuple(Service)),
        )
        asked = Quote(
            self.country, self.currency, shape.period, self._list_of(shape.services), (point,), sites=(shape.site,)
        )
        return [line for document in quote(asked).documents for line in document.lines]

    def _template(self, shape: Shape) -> _Template:
        fixed: dict[tuple[str, Decimal], dict[str, Decimal]] = {}
        by_volume: dict[tuple[str, Decimal], list[tuple[str, Decimal, Decimal]]] = {}
        counted = []
        for line in self.quoted(shape, ML_PER_L):
            group = (line.vat_category, line.vat_rate)
            if line.unit == _UNIT:
                by_volume.setdefault(group, []).append((line.code, line.unit_price, line.quantity))
                if line.code in self._volumetric:
                    counted.append((line.unit_price, line.quantity))
            elif self._floor is None or line.unit != "C62":
                nets = fixed.setdefault(group, {})
                nets[line.code] = nets.get(line.code, ZERO) + line.net
        return _Template(fixed, by_volume, tuple(counted))

    def _what_matters(self, site: Site) -> Site:
        return Site(date.min, **{fact: getattr(site, fact) for fact in self._facts})

    def _list_of(self, services: tuple[str, ...]) -> PriceList:
        if services not in self._lists:
            metered = tuple(Service)
            versions = [one for one in self.versions if one.service not in metered or one.service in services]
            self._lists[services] = PriceList.of(versions, self.vat)
        return self._lists[services]


def _scaled(template: _Template, quantity: Decimal) -> Rated:
    components: dict[str, Decimal] = {}
    net = gross = ZERO
    for group in {**template.fixed, **template.by_volume}:
        base = ZERO
        for code, amount in template.fixed.get(group, {}).items():
            components[code] = components.get(code, ZERO) + amount
            base += amount
        for code, price, one in template.by_volume.get(group, ()):
            amount = line_net(quantity * one, price, Decimal(1))
            components[code] = components.get(code, ZERO) + amount
            base += amount
        net += base
        gross += base + share(base, group[1])
    return Rated(components, net, gross)


def _rated(lines: Iterable[Line]) -> Rated:
    components: dict[str, Decimal] = {}
    groups: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        components[line.code] = components.get(line.code, ZERO) + line.net
        key = (line.vat_category, line.vat_rate)
        groups[key] = groups.get(key, ZERO) + line.net
    net = sum(groups.values(), ZERO)
    return Rated(components, net, net + sum((share(base, rate) for (_, rate), base in groups.items()), ZERO))
