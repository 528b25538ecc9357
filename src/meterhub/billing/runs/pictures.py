"""The picture of consumption on an invoice: volumes between the bounds of days, weeks or months.

The volume of a bar is the difference of the registers at its ends, so the bars sum to what is billed and cost
one look a bound, however often meters are read. A register counts as known where the reads around the bound
are no further apart than a bar is long; a bar without a known end stays empty.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.billing.runs.spans import EVER_FROM, EVER_TO, Installed, MeterSpan, spans_of
from meterhub.billing.runs.usage import local_midnight
from meterhub.kit.arrays import instants, integers
from meterhub.kit.periods import DateRange, cut_days
from meterhub.kit.units import ML_PER_M3
from meterhub.kit.values import Json

# More bars than this could not be told apart on paper.
MAX_BARS = 31


class Unit(StrEnum):
    """What a bar stands for; the last week, the first and the last month may be cut short."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTH = {Unit.DAY: timedelta(days=1), Unit.WEEK: timedelta(days=7), Unit.MONTH: timedelta(days=31)}

# Where a register fell between two reads (a rollover, a little backflow) the earlier one counts.
_REGISTERS = text(
    """
    SELECT array_agg(
        CASE WHEN a.at - b.at > s.within THEN NULL
             WHEN a.at = b.at OR a.volume_ml < b.volume_ml THEN b.volume_ml
             ELSE b.volume_ml + round((a.volume_ml - b.volume_ml) * CAST(
                 extract(epoch FROM g.at - b.at) / extract(epoch FROM a.at - b.at) AS double precision)) END
        ORDER BY s.position)
    FROM unnest(CAST(:spans AS int[]), CAST(:meters AS int[]), CAST(:grids AS int[]),
                CAST(:low AS timestamptz[]), CAST(:high AS timestamptz[]),
                CAST(:first AS timestamptz[]), CAST(:last AS timestamptz[]))
         AS w (n, meter_id, grid, low, high, first, last)
    JOIN unnest(CAST(:grid AS int[]), CAST(:position AS int[]), CAST(:at AS timestamptz[]),
                CAST(:within AS interval[])) AS s (grid, position, at, within) ON s.grid = w.grid
    CROSS JOIN LATERAL (SELECT greatest(w.low, least(w.high, s.at)) AS at) g
    LEFT JOIN LATERAL (
        SELECT r.at, r.volume_ml FROM counted_read r
        WHERE r.meter_id = w.meter_id AND r.at <= g.at
        ORDER BY r.at DESC, r.id DESC LIMIT 1) b ON b.at >= w.first
    LEFT JOIN LATERAL (
        SELECT r.at, r.volume_ml FROM counted_read r
        WHERE r.meter_id = w.meter_id AND r.at >= g.at
        ORDER BY r.at, r.id DESC LIMIT 1) a ON a.at <= w.last
    GROUP BY w.n ORDER BY w.n
    """
)


class Grid(NamedTuple):
    """The bounds of the bars of a period."""

    unit: Unit
    days: tuple[date, ...]


def grid_of(period: DateRange) -> Grid:
    """Return the finest bars of which not too many are needed."""
    for unit in (Unit.DAY, Unit.WEEK):
        step = _LENGTH[unit].days
        if period.days <= MAX_BARS * step:
            days = [period.start + timedelta(days=n) for n in range(0, period.days, step)]
            return Grid(unit, (*days, period.end))
    months = [
        date(year, month, 1) for year in range(period.start.year, period.end.year + 1) for month in range(1, 13)
    ]
    return Grid(Unit.MONTH, tuple(cut_days(period, months)))


def pictures(
    connection: Connection,
    periods: Mapping[int, DateRange],
    bounds: Mapping[int, tuple[datetime, datetime]],
    installed: Mapping[int, list[Installed]],
    zone: ZoneInfo,
) -> dict[int, Json]:
    """Return the picture of each account; a volume [ml] is null where it is not known."""
    grids = {period: grid_of(period) for period in set(periods.values())}
    midnights = {period: [local_midnight(day, zone) for day in grid.days] for period, grid in grids.items()}
    spans = [span for span in spans_of(bounds, installed) if not span.meter.deducts]
    tracks: dict[int, list[_Track]] = defaultdict(list)
    for span, registers in zip(spans, _registers(connection, spans, periods, grids, midnights), strict=True):
        ends = [max(span.low, min(span.high, at)) for at in midnights[periods[span.account]]]
        tracks[span.account].append(_Track(ends, registers, 10**span.meter.digits * ML_PER_M3))
    return {
        account: {
            "unit": grids[period].unit.value,
            "start": period.start.isoformat(),
            "volumes_ml": _bars(tracks[account], len(grids[period].days) - 1),
        }
        for account, period in periods.items()
    }


class _Track(NamedTuple):
    """A meter at the bounds of the bars, moved to the time that it was installed: instants and registers."""

    at: Sequence[datetime]
    registers: Sequence[int | None]
    modulus: int


def _bars(tracks: Sequence[_Track], count: int) -> list[int | None]:
    """Return the volume of each bar: what the meters that were there in its time counted together."""
    bars: list[int | None] = []
    for bar in range(count):
        volume: int | None = None
        for track in tracks:
            if track.at[bar] == track.at[bar + 1]:
                continue
            start, end = track.registers[bar], track.registers[bar + 1]
            if start is None or end is None:
                volume = None
                break
            rolled_over = (start - end) * 2 > track.modulus
            volume = (volume or 0) + end - start + (track.modulus if rolled_over else 0)
        bars.append(volume)
    return bars


def _registers(
    connection: Connection,
    spans: Sequence[MeterSpan],
    periods: Mapping[int, DateRange],
    grids: Mapping[DateRange, Grid],
    midnights: Mapping[DateRange, Sequence[datetime]],
) -> Sequence[list[int | None]]:
    """Return the registers of each meter at the bounds of its account's bars [ml]."""
    number = {period: n for n, period in enumerate(grids)}
    bounds = [(period, position) for period in grids for position in range(len(grids[period].days))]
    values = {
        "spans": integers(range(len(spans))),
        "meters": integers(span.meter.meter_id for span in spans),
        "grids": integers(number[periods[span.account]] for span in spans),
        "low": instants(span.low for span in spans),
        "high": instants(span.high for span in spans),
        "first": instants(span.meter.valid_from or EVER_FROM for span in spans),
        "last": instants(span.meter.valid_to or EVER_TO for span in spans),
        "grid": integers(number[period] for period, _ in bounds),
        "position": integers(position for _, position in bounds),
        "at": instants(midnights[period][position] for period, position in bounds),
        "within": [_LENGTH[grids[period].unit] for period, _ in bounds],
    }
    return connection.execute(_REGISTERS, values).scalars().all()
