"""Price lists: versions of components and of VAT rates, checked once, and cut into spans of one price."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple, TypeVar

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Line, TariffVersion, VatVersion
from meterhub.kit.periods import DateRange, cut_days

MAX_PRICE_DECIMALS = 6
# Fees by floor area differ from site to site: what is kept of them must not grow with the town.
MAX_KEPT = 1_000

_Version = TypeVar("_Version", TariffVersion, VatVersion)


class Span(NamedTuple):
    """Days with one price and one VAT rate; `version` and `vat` are None where nothing is billed."""

    period: DateRange
    version: TariffVersion | None
    vat: VatVersion | None


@dataclass(frozen=True, slots=True)
class Component:
    """One priced component: its versions in order of time, of one kind and service."""

    code: str
    kind: str
    service: str | None
    versions: tuple[TariffVersion, ...]

    def version_on(self, day: date) -> TariffVersion | None:
        """Return the version in force on a day."""
        return _version_on(self.versions, day)

    def refuse_gap(self, billed: DateRange) -> None:
        """Raise tariff_gap when two versions leave days without a price inside the time billed."""
        for before, after in pairwise(self.versions):
            gap_from, gap_to = before.valid_to, after.valid_from
            if gap_from and gap_from < gap_to and gap_from < billed.end and billed.start < gap_to:
                raise RatingError(
                    Reason.TARIFF_GAP, f"tariff {self.code!r} has no version from {gap_from} to {gap_to}"
                )


class PriceList:
    """Components and VAT versions that were checked against overlaps; share one among many quotes."""

    __slots__ = ("_by_time", "_concerned", "_spans", "components", "vat")

    def __init__(self, components: tuple[Component, ...], vat: dict[str, tuple[VatVersion, ...]]) -> None:
        self.components = components
        self.vat = vat
        self._spans: dict[tuple[str, DateRange, date | None], list[Span]] = {}
        self._by_time: dict[Hashable, list[Line]] = {}
        self._concerned = self._cuts_of_others()

    @classmethod
    def of(cls, tariff: Iterable[TariffVersion], vat: Iterable[VatVersion]) -> "PriceList":
        """Group versions by code; raise tariff_overlap, vat_overlap or bad_scenario (kinds mixed)."""
        vat_by_code = _grouped(vat, Reason.VAT_OVERLAP, "VAT")
        components = []
        for code, versions in _grouped(tariff, Reason.TARIFF_OVERLAP, "tariff").items():
            first = versions[0]
            services = {version.service for version in versions} - {None}
            for version in versions:
                if version.kind != first.kind or len(services) > 1:
                    raise RatingError(
                        Reason.BAD_SCENARIO,
                        f"tariff {code!r}: versions differ in kind or service ({version.kind!r})",
                    )
            components.append(Component(code, first.kind, next(iter(services), None), versions))
        return cls(tuple(components), vat_by_code)

    def component(self, code: str) -> Component | None:
        """Return a component by its code."""
        return next((component for component in self.components if component.code == code), None)

    def vat_on(self, code: str, day: date) -> VatVersion:
        """Return the VAT version of a code on a day; raise vat_missing."""
        version = _version_on(self.vat.get(code, ()), day)
        if version is None:
            raise RatingError(Reason.VAT_MISSING, f"VAT code {code!r} has no rate on {day}")
        return version

    def spans(
        self, component: Component, billed: DateRange, cuts: Sequence[date] = (), vat_day: date | None = None
    ) -> list[Span]:
        """Cut the time billed at versions of price and VAT and at the given days (R4).

        With `vat_day` VAT versions do not cut and that day's rate applies. Raises tariff_gap, vat_missing.
        """
        key = (component.code, billed, vat_day)
        spans = self._spans.get(key)
        if spans is None:
            # Many quotes share few periods; what is kept is only what has no cuts of its own.
            spans = self._spans_by_price(component, billed, vat_day)
            spans = self._spans[key] = _cut(spans, self._concerned.get(component.code, ()))
        return _cut(spans, cuts)

    def lines_by_time(self, span: Span, key: Hashable, make: Callable[[], list[Line]]) -> list[Line]:
        """Return lines that depend on a span and `key` alone, made once: most sites pay the same fees by time."""
        whole_key = (span.period, id(span.version), id(span.vat), key)
        lines = self._by_time.get(whole_key)
        if lines is None:
            lines = make()
            if len(self._by_time) < MAX_KEPT:
                self._by_time[whole_key] = lines
        return lines

    def _cuts_of_others(self) -> dict[str, tuple[date, ...]]:
        """Return by component the days on which a share of it (a surcharge, a credit) changes (R4)."""
        days: dict[str, list[date]] = {}
        for component in self.components:
            for version in component.versions:
                bounds = [version.valid_from, version.valid_to]
                for vat in self.vat.get(version.vat_code, ()):
                    bounds += [vat.valid_from, vat.valid_to]
                for code in getattr(version.parameters, "of", ()):
                    days.setdefault(code, []).extend(day for day in bounds if day)
        return {code: tuple(bounds) for code, bounds in days.items()}

    def _spans_by_price(self, component: Component, billed: DateRange, vat_day: date | None) -> list[Span]:
        component.refuse_gap(billed)
        bounds = [day for version in component.versions for day in (version.valid_from, version.valid_to)]
        spans = []
        for start, end in pairwise(cut_days(billed, bounds)):
            version = component.version_on(start)
            if version is None:
                spans.append(Span(DateRange(start, end), None, None))
            elif vat_day is not None:
                spans.append(Span(DateRange(start, end), version, self.vat_on(version.vat_code, vat_day)))
            else:
                spans += self._spans_by_vat(version, DateRange(start, end))
        return spans

    def _spans_by_vat(self, version: TariffVersion, billed: DateRange) -> list[Span]:
        rates = self.vat.get(version.vat_code, ())
        bounds = [day for rate in rates for day in (rate.valid_from, rate.valid_to)]
        return [
            Span(DateRange(start, end), version, self.vat_on(version.vat_code, start))
            for start, end in pairwise(cut_days(billed, bounds))
        ]


def _cut(spans: list[Span], days: Sequence[date]) -> list[Span]:
    if not days:
        return spans
    return [
        Span(DateRange(start, end), span.version, span.vat)
        for span in spans
        for start, end in pairwise(cut_days(span.period, days))
    ]


def _version_on(versions: Sequence[_Version], day: date) -> _Version | None:
    for version in versions:
        if version.valid_from <= day and (version.valid_to is None or day < version.valid_to):
            return version
    return None


def _grouped(versions: Iterable[_Version], overlap: Reason, what: str) -> dict[str, tuple[_Version, ...]]:
    by_code: dict[str, list[_Version]] = {}
    for version in versions:
        by_code.setdefault(version.code, []).append(version)
    for code, group in by_code.items():
        group.sort(key=lambda version: version.valid_from)
        for before, after in pairwise(group):
            if before.valid_to is None or before.valid_to > after.valid_from:
                raise RatingError(
                    overlap,
                    f"{what} {code!r}: the version from {before.valid_from} reaches {after.valid_from}",
                )
    return {code: tuple(group) for code, group in by_code.items()}
