"""From register values to billed volumes: marks per meter, meter exchange, deduct meters."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Installation, Point, Read, ReadSource, Regime
from meterhub.billing.rating.registers import (
    AnnualRegister,
    MeterRegister,
    counted_reads,
    unwrapped,
    whole_litres,
)
from meterhub.billing.rating.traces import Apportion, MeterVolume, Method
from meterhub.kit.money import litres_as_m3

_IDLE = (Method.REMOVED, Method.NOT_YET_INSTALLED)


class SegmentVolume(NamedTuple):
    """The billed volume between two cuts [l], whether an estimate is in it, and where it comes from."""

    litres: int
    estimated: bool
    meters: tuple[MeterVolume, ...]


class PointRegisters:
    """The registers of all meters of one point, ready to be cut."""

    __slots__ = ("_chains", "_registers", "last_read_on", "point", "replaced_on")

    def __init__(
        self,
        point: Point,
        registers: Sequence[MeterRegister | AnnualRegister],
        replaced_on: tuple[date, ...],
        last_read_on: date | None,
    ) -> None:
        self.point = point
        self.replaced_on = replaced_on
        self.last_read_on = last_read_on
        self._registers = registers
        self._chains: dict[tuple[date, ...], list[SegmentVolume]] = {}

    def chain(self, cuts: tuple[date, ...]) -> list[SegmentVolume]:
        """Return the volume between each two neighbouring cuts.

        Each meter bills up to a mark, E = max(E before, V), so water that flowed back is not billed twice;
        the first meter starts at its billed mark if that is higher. Components with the same cuts share it.
        """
        chain = self._chains.get(cuts)
        if chain is None:
            columns = [
                self._meter_chain(register, cuts, self.point.billed_mark_ml if position == 0 else None)
                for position, register in enumerate(self._registers)
            ]
            chain = self._chains[cuts] = [_segment(parts) for parts in zip(*columns, strict=True)]
        return chain

    def _meter_chain(
        self, register: MeterRegister | AnnualRegister, cuts: tuple[date, ...], mark_ml: int | None
    ) -> list[MeterVolume]:
        values = [register.on(day) for day in cuts]
        mark = values[0].value_l
        if mark_ml is not None and register.meter is not None:
            mark = max(mark, whole_litres(mark_ml))
        volumes = []
        for opening, closing in pairwise(values):
            billed_to = max(mark, closing.value_l)
            volumes.append(MeterVolume(self.point.id, opening, closing, mark, billed_to))
            mark = billed_to
        return volumes


def prepare(
    point: Point, regime: Regime, apportion: Apportion, period_start: date, reverse_tolerance_ml: int
) -> PointRegisters:
    """Check and unwrap the reads of a point, or set up its annual volume.

    Raises the reasons of `registers`, and exchange_read_missing, bad_scenario, no_opening_read.
    """
    if regime is not Regime.METERED:
        annual = AnnualRegister(point.id, point.annual_m3, apportion, date(period_start.year, 1, 1))
        return PointRegisters(point, (annual,), (), None)
    if not point.installations:
        raise RatingError(Reason.NO_OPENING_READ, f"point {point.id!r} is metered and has no meter")
    ratio = None if point.annual_m3 is None else point.annual_m3.as_integer_ratio()
    registers = []
    replaced_on = []
    removed: Read | None = None
    last_read_on: date | None = None
    last_position = len(point.installations) - 1
    for position, installation in enumerate(point.installations):
        reads = counted_reads(installation)
        if position:
            replaced_on.append(_replacement_day(point, installation, reads, removed))
        removed = _removal(point, installation, reads, replaced=position < last_position)
        if reads:
            last_read_on = max(reads[-1].on, last_read_on or reads[-1].on)
        evidence = unwrapped(installation, reads, ratio, reverse_tolerance_ml)
        registers.append(MeterRegister(installation.meter, evidence, apportion, point.annual_m3, ratio))
    return PointRegisters(point, registers, tuple(replaced_on), last_read_on)


def subtract(
    own: list[SegmentVolume], deducted: Sequence[list[SegmentVolume]], cuts: tuple[date, ...], point: str
) -> list[tuple[SegmentVolume, tuple[MeterVolume, ...]]]:
    """Return per segment the volume left and what was taken off; raises deduct_exceeds_main."""
    left = []
    for position, segment in enumerate(own):
        litres, estimated = segment.litres, segment.estimated
        taken: list[MeterVolume] = []
        for chain in deducted:
            litres -= chain[position].litres
            estimated = estimated or chain[position].estimated
            taken += chain[position].meters
        if litres < 0:
            raise RatingError(
                Reason.DEDUCT_EXCEEDS_MAIN,
                f"point {point!r}: deduct meters took {litres_as_m3(-litres)} m³ more than it measured "
                f"from {cuts[position]} to {cuts[position + 1]}",
            )
        left.append((SegmentVolume(litres, estimated, segment.meters), tuple(taken)))
    return left


def _segment(parts: Sequence[MeterVolume]) -> SegmentVolume:
    litres = 0
    estimated = False
    for part in parts:
        litres += part.billed_to_l - part.billed_from_l
        if part.opening.method is Method.ESTIMATED or part.closing.method is Method.ESTIMATED:
            estimated = True
    if len(parts) > 1:
        parts = [part for part in parts if not _is_idle(part)]
    return SegmentVolume(litres, estimated, tuple(parts))


def _is_idle(part: MeterVolume) -> bool:
    return part.opening.method in _IDLE and part.opening.method is part.closing.method


def _replacement_day(point: Point, installation: Installation, reads: list[Read], removed: Read | None) -> date:
    if not reads or reads[0].source is not ReadSource.INSTALLATION:
        raise RatingError(
            Reason.EXCHANGE_READ_MISSING,
            f"point {point.id!r}: meter {installation.meter!r} replaces another and does not start with "
            "an installation read",
        )
    if removed is not None and reads[0].on < removed.on:
        raise RatingError(
            Reason.EXCHANGE_READ_MISSING,
            f"point {point.id!r}: meter {installation.meter!r} was installed on {reads[0].on}, before the "
            f"removal on {removed.on}",
        )
    return reads[0].on


def _removal(point: Point, installation: Installation, reads: list[Read], *, replaced: bool) -> Read | None:
    """Return the removal read; a meter starts and ends with such reads, or has none of them."""
    if replaced and (not reads or reads[-1].source is not ReadSource.REMOVAL):
        raise RatingError(
            Reason.EXCHANGE_READ_MISSING,
            f"point {point.id!r}: meter {installation.meter!r} was replaced and lacks its removal read",
        )
    for position, read in enumerate(reads):
        if read.source is ReadSource.INSTALLATION and position > 0:
            _contradicts(point, installation, read, "not the first")
        if read.source is ReadSource.REMOVAL and position < len(reads) - 1:
            _contradicts(point, installation, read, "not the last")
    return reads[-1] if reads and reads[-1].source is ReadSource.REMOVAL else None


def _contradicts(point: Point, installation: Installation, read: Read, how: str) -> None:
    raise RatingError(
        Reason.BAD_SCENARIO,
        f"point {point.id!r}: the {read.source} read of meter {installation.meter!r} on {read.on} is {how}",
    )
