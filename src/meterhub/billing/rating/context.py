"""One bill while it is computed: what price components ask for, and the charges they give."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from meterhub.billing.rating.checks import check_quote, deduct_targets
from meterhub.billing.rating.consumption import PointRegisters, SegmentVolume, prepare, subtract
from meterhub.billing.rating.model import Line, Point, Quote, Role, Site, VatCut
from meterhub.billing.rating.rules import resolve
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.rating.tariffs import Component, Span
from meterhub.billing.rating.traces import MeterVolume
from meterhub.kit.periods import DateRange


class Charge(NamedTuple):
    """A line of the whole bill: its single owner if it has one, the day that a move sorts it by."""

    line: Line
    owner: str | None
    on: date
    counts_to_minimum: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of price component: how its parameters are read, how it is rated, and when in the bill.

    Kinds are rated in order of `stage`, so a later one may look at the charges of earlier ones.
    """

    name: str
    stage: int
    parameters: Callable[[Fields], object]
    rate: Callable[["RatingContext", Component], Iterable[Charge]]
    needs_service: bool = False
    # Whether the version's own net price is used: a kind with a table of prices, or a share of others, has none.
    priced: Callable[[object], bool] = lambda _parameters: True


_UNKNOWN = Site()


class RatingContext:
    """A checked quote, its registers, and the charges so far."""

    def __init__(self, quote: Quote) -> None:
        check_quote(quote)
        self.quote = quote
        self.rules = resolve(quote.rules, quote.country, quote.regime)
        self.charges: list[Charge] = []
        self.vat_day = quote.period.last_day if self.rules.vat_cut is VatCut.PERIOD_END else None
        self.move_cuts: tuple[date, ...] = (quote.move.on,) if quote.move else ()
        self._sites = sorted(quote.sites, key=lambda site: site.valid_from)
        self.site_cuts = tuple(site.valid_from for site in self._sites)
        self._registers = {
            point.id: prepare(
                point,
                quote.regime,
                self.rules.volume_apportion,
                quote.period.start,
                self.rules.reverse_tolerance_ml,
            )
            for point in quote.points
        }
        self._deducts = deduct_targets(quote)

    @cached_property
    def billed_points(self) -> tuple[Point, ...]:
        """The points that get lines."""
        return tuple(point for point in self.quote.points if point.role is not Role.DEDUCT)

    def owner(self, payer: str | None) -> str | None:
        """Return the single owner of a line; a move decides by date instead."""
        return None if self.quote.move else payer

    def site_on(self, day: date) -> Site:
        """Return what was known of the site on a day; before the first record, the first."""
        known = [site for site in self._sites if site.valid_from <= day]
        return known[-1] if known else self._sites[0] if self._sites else _UNKNOWN

    def registers(self, point: Point) -> PointRegisters:
        """Return the registers of a point."""
        return self._registers[point.id]

    def spans(self, component: Component, billed: DateRange, cuts: Sequence[date]) -> list[Span]:
        """Cut the time billed at versions and the given days."""
        return self.quote.prices.spans(component, billed, cuts, self.vat_day)

    def volumes(
        self, point: Point, cuts: tuple[date, ...], *, less_deducted: bool
    ) -> list[tuple[SegmentVolume, tuple[MeterVolume, ...]]]:
        """Return the volume of each segment, and what deduct meters took off it."""
        own = self._registers[point.id].chain(cuts)
        deducts = self._deducts.get(point.id, ()) if less_deducted else ()
        if not deducts:
            return [(segment, ()) for segment in own]
        chains = [self._registers[deduct].chain(cuts) for deduct in deducts]
        return subtract(own, chains, cuts, point.id)
