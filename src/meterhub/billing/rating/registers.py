"""From the reads of one meter to its register on any day (order of evidence, rollover, R2, R3).

Reads are unwrapped first: over rollovers the register goes on above its modulus, and small reverse flow
lowers it. Values on a day are whole litres.
"""

from bisect import bisect_left
from datetime import date
from decimal import Decimal

from meterhub.billing.rating.dates import DAYS_PER_YEAR, weight, weight_of_year
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Installation, Read, ReadSource
from meterhub.billing.rating.traces import Apportion, Evidence, Method, RegisterValue
from meterhub.kit.money import divide_half_up, ml_as_m3

ML_PER_L = 1000
ML_PER_M3 = 1_000_000
L_PER_M3 = 1000

_RANK = {source: rank for rank, source in enumerate(ReadSource)}


def modulus(installation: Installation) -> int:
    """Return where the register starts again at zero [ml]."""
    turns: int = 10**installation.digits
    return turns * ML_PER_M3


def counted_reads(installation: Installation) -> list[Read]:
    """Return the reads that count, by date: of two on a day the better source; estimated ones never.

    Raises read_out_of_range, duplicate_read.
    """
    modulus_ml = modulus(installation)
    by_day: dict[date, dict[ReadSource, Read]] = {}
    for read in installation.reads:
        if read.source is ReadSource.ESTIMATED:
            continue
        if not 0 <= read.volume_ml < modulus_ml:
            raise RatingError(
                Reason.READ_OUT_OF_RANGE,
                f"meter {installation.meter!r}: read {ml_as_m3(read.volume_ml)} m³ on {read.on} "
                f"does not fit a register of {installation.digits} digits",
            )
        same_day = by_day.setdefault(read.on, {})
        other = same_day.get(read.source)
        if other is not None and other.volume_ml != read.volume_ml:
            raise RatingError(
                Reason.DUPLICATE_READ,
                f"meter {installation.meter!r}: two {read.source} reads on {read.on}, "
                f"{ml_as_m3(other.volume_ml)} and {ml_as_m3(read.volume_ml)} m³",
            )
        if other is None or read.confirmed:
            same_day[read.source] = read
    return [min(by_day[day].values(), key=lambda read: _RANK[read.source]) for day in sorted(by_day)]


def unwrapped(
    installation: Installation, reads: list[Read], annual: tuple[int, int] | None, reverse_tolerance_ml: int
) -> tuple[Evidence, ...]:
    """Unwrap reads in date order; `annual` is the yearly volume [m³] as numerator and denominator.

    Raises read_suspect (lower, but neither rollover nor small reverse flow) and read_unconfirmed (a customer
    read more than five times the expected volume above the read before it).
    """
    evidence: list[Evidence] = []
    before: Read | None = None
    level = 0
    for read in reads:
        if before is None:
            level = read.volume_ml
        else:
            rise = _rise_ml(installation, before, read, annual, reverse_tolerance_ml)
            if read.source is ReadSource.CUSTOMER and not read.confirmed and annual is not None:
                _refuse_implausible(installation, before, read, rise, annual)
            level += rise
        evidence.append(Evidence(read.on, read.source, read.volume_ml, level, read.ref))
        before = read
    return tuple(evidence)


def _rise_ml(
    installation: Installation,
    before: Read,
    read: Read,
    annual: tuple[int, int] | None,
    reverse_tolerance_ml: int,
) -> int:
    rise = read.volume_ml - before.volume_ml
    if rise >= 0:
        return rise
    modulus_ml = modulus(installation)
    around = rise % modulus_ml
    if before.volume_ml * 10 > 9 * modulus_ml and _rollover_is_plausible(
        installation, around, (read.on - before.on).days, annual
    ):
        return around
    if -rise <= reverse_tolerance_ml:
        return rise
    raise RatingError(
        Reason.READ_SUSPECT,
        f"meter {installation.meter!r}: read {ml_as_m3(read.volume_ml)} m³ on {read.on} is lower than "
        f"{ml_as_m3(before.volume_ml)} m³ on {before.on}",
    )


def _rollover_is_plausible(
    installation: Installation, around_ml: int, days: int, annual: tuple[int, int] | None
) -> bool:
    numerator, denominator = annual or (0, 1)
    if around_ml * DAYS_PER_YEAR * denominator <= 3 * numerator * ML_PER_M3 * days:
        return True
    return around_ml <= (installation.qmax_m3h or Decimal(0)) * 24 * days * ML_PER_M3


def _refuse_implausible(
    installation: Installation, before: Read, read: Read, rise_ml: int, annual: tuple[int, int]
) -> None:
    numerator, denominator = annual
    days = (read.on - before.on).days
    if rise_ml * DAYS_PER_YEAR * denominator > 5 * numerator * ML_PER_M3 * days:
        raise RatingError(
            Reason.READ_UNCONFIRMED,
            f"meter {installation.meter!r}: customer read {ml_as_m3(read.volume_ml)} m³ on {read.on} is more than "
            f"5 times the expected volume above the read on {before.on}; confirm it",
        )


class MeterRegister:
    """The register of one meter on any day; values once found are kept."""

    __slots__ = ("_annual", "_annual_m3", "_apportion", "_days", "_evidence", "_known", "meter")

    def __init__(
        self,
        meter: str,
        evidence: tuple[Evidence, ...],
        apportion: Apportion,
        annual_m3: Decimal | None,
        annual: tuple[int, int] | None,
    ) -> None:
        self.meter = meter
        self._evidence = evidence
        self._days = [one.on for one in evidence]
        self._apportion = apportion
        self._annual_m3 = annual_m3
        self._annual = annual
        self._known: dict[date, RegisterValue] = {}

    def on(self, day: date) -> RegisterValue:
        """Return V(day); raises no_opening_read, no_estimate."""
        value = self._known.get(day)
        if value is None:
            value = self._known[day] = self._find(day)
        return value

    def _find(self, day: date) -> RegisterValue:
        evidence = self._evidence
        at = bisect_left(self._days, day)
        if at < len(evidence) and self._days[at] == day:
            one = evidence[at]
            return RegisterValue(self.meter, day, Method.READ, whole_litres(one.unwrapped_ml), (one,))
        if at == 0:
            return self._before_first(day)
        if at == len(evidence):
            return self._after_last(day)
        before, after = evidence[at - 1], evidence[at]
        value_l = interpolated_l(before, after, day, self._apportion)
        return RegisterValue(self.meter, day, Method.INTERPOLATED, value_l, (before, after))

    def _before_first(self, day: date) -> RegisterValue:
        if not self._evidence or self._evidence[0].source != ReadSource.INSTALLATION:
            raise RatingError(
                Reason.NO_OPENING_READ,
                f"meter {self.meter!r} has no read up to {day} and no installation read",
            )
        first = self._evidence[0]
        return RegisterValue(self.meter, day, Method.NOT_YET_INSTALLED, whole_litres(first.unwrapped_ml), (first,))

    def _after_last(self, day: date) -> RegisterValue:
        last = self._evidence[-1]
        last_l = whole_litres(last.unwrapped_ml)
        if last.source == ReadSource.REMOVAL:
            return RegisterValue(self.meter, day, Method.REMOVED, last_l, (last,))
        if self._annual is None:
            raise RatingError(
                Reason.NO_ESTIMATE,
                f"meter {self.meter!r} has no read on or after {day} and its point no annual volume",
            )
        estimated = annual_part_l(self._annual, weight(self._apportion, last.on, day), self._apportion)
        return RegisterValue(
            self.meter, day, Method.ESTIMATED, last_l + estimated, (last,), self._annual_m3, last.on
        )


class AnnualRegister:
    """The register of a point that is billed from its annual volume: round3(annual · w(1 January, day))."""

    __slots__ = ("_annual_m3", "_apportion", "_point", "_since", "meter")

    def __init__(self, point: str, annual_m3: Decimal | None, apportion: Apportion, since: date) -> None:
        self.meter = None
        self._point = point
        self._annual_m3 = annual_m3
        self._apportion = apportion
        self._since = since

    def on(self, day: date) -> RegisterValue:
        """Return V(day); raises no_estimate."""
        if self._annual_m3 is None:
            raise RatingError(Reason.NO_ESTIMATE, f"point {self._point!r} has no annual volume")
        elapsed = weight(self._apportion, self._since, day)
        value_l = annual_part_l(self._annual_m3.as_integer_ratio(), elapsed, self._apportion)
        return RegisterValue(None, day, Method.ANNUAL, value_l, (), self._annual_m3, self._since)


def whole_litres(volume_ml: int) -> int:
    """Round a register to litres."""
    return divide_half_up(volume_ml, ML_PER_L)


def interpolated_l(before: Evidence, after: Evidence, day: date, apportion: Apportion) -> int:
    """Return V(day) between two reads (R2) [l]."""
    whole = weight(apportion, before.on, after.on)
    part = weight(apportion, before.on, day)
    rise = after.unwrapped_ml - before.unwrapped_ml
    return divide_half_up(before.unwrapped_ml * whole + rise * part, ML_PER_L * whole)


def annual_part_l(annual: tuple[int, int], elapsed: int, apportion: Apportion) -> int:
    """Return round3(annual · w) [l] for a weight of time and an annual volume [m³] as a ratio."""
    numerator, denominator = annual
    return divide_half_up(numerator * L_PER_M3 * elapsed, denominator * weight_of_year(apportion))
