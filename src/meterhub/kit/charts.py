"""Pictures of time series as SVG text: pure functions, styled by classes of the page's own style sheet.

A missing value is a gap, never zero. Each picture has a title and a description for those who cannot see
it. Instants are aware; they are labelled in the zone in which people read them, so a day of 23 or 25 hours
is drawn as long as it was.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from html import escape
from itertools import groupby
from math import ceil, floor, log10

LEFT, RIGHT, TOP, BOTTOM = 46, 8, 26, 22
TICKS = 4
LABEL_WIDTH = 52
HOURS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A value from `start` on; `kind` becomes its class, `value` None leaves a gap."""

    start: datetime
    value: float | None
    kind: str = "measured"


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in user units, which are pixels where the picture is not scaled."""

    width: int
    height: int


def bar_chart(
    bars: Sequence[Bar],
    step: timedelta,
    *,
    name: str,
    title: str,
    description: str,
    unit: str,
    zone: tzinfo,
    size: Size,
    top: float | None = None,
    marks: Iterable[tuple[datetime, datetime]] = (),
) -> str:
    """Return bars of equal length in time over a time axis; `name` makes the ids of the page unique.

    `top` fixes the top of the axis, `marks` are spans to shade.
    """
    known = [bar.value for bar in bars if bar.value is not None]
    if not bars:
        return svg(name, title, description, size, _text(size.width / 2, size.height / 2, "no data", "middle"))
    start, end = bars[0].start, bars[-1].start + step
    span_s = (end - start).total_seconds()
    wide = size.width - LEFT - RIGHT

    def x(at: datetime) -> float:
        return LEFT + wide * min(1.0, max(0.0, (at - start).total_seconds() / span_s))

    highest, tick = _scale(max([*known, 0.0]) if top is None else top)
    base = size.height - BOTTOM

    def y(value: float) -> float:
        return base - (base - TOP) * value / highest

    parts = [
        f'<rect class="mark" x="{x(a):.1f}" y="{TOP}" width="{max(1.0, x(b) - x(a)):.1f}" height="{base - TOP}"/>'
        for a, b in marks
        if b > start and a < end
    ]
    parts += _value_axis(size, highest, tick, y, unit)
    parts += time_axis(start.astimezone(zone), end.astimezone(zone), x, size)
    width = wide * step.total_seconds() / span_s
    drawn = max(1.0, width * (0.86 if width > 3 else 1))
    for kind, group in groupby(sorted(bars, key=lambda bar: bar.kind), key=lambda bar: bar.kind):
        path = "".join(
            f"M{x(bar.start):.1f} {base}V{y(max(0.0, bar.value)):.1f}h{drawn:.2f}V{base}z"
            for bar in group
            if bar.value is not None and bar.value != 0
        )
        if path:
            parts.append(f'<path class="bar {escape(kind)}" d="{path}"/>')
    return svg(name, title, description, size, "".join(parts))


def heat_map(
    cells: Mapping[tuple[date, int], float | None],
    *,
    name: str,
    title: str,
    description: str,
    unit: str,
    limits: Sequence[float],
    size: Size,
) -> str:
    """Return hours of the day downwards, days to the right; each cell by the first limit above its value.

    A value of zero has the class `level-0`, above the last limit `level-N`; a missing cell stays empty.
    """
    if not cells:
        return svg(name, title, description, size, _text(size.width / 2, size.height / 2, "no data", "middle"))
    first, last = min(day for day, _ in cells), max(day for day, _ in cells)
    days = (last - first).days + 1
    wide, high = size.width - LEFT - RIGHT, size.height - TOP - BOTTOM
    cell_w, cell_h = wide / days, high / HOURS
    levels: dict[int, list[str]] = {}
    for (day, hour), value in cells.items():
        if value is not None:
            left, upper = LEFT + cell_w * (day - first).days, TOP + cell_h * hour
            levels.setdefault(_level(value, limits), []).append(
                f"M{left:.1f} {upper:.1f}h{cell_w * 0.94:.2f}v{cell_h * 0.9:.2f}h-{cell_w * 0.94:.2f}z"
            )
    parts = [f'<path class="level-{level}" d="{"".join(path)}"/>' for level, path in sorted(levels.items())]
    parts += [
        _text(LEFT - 6, TOP + cell_h * (hour + 0.5) + 4, f"{hour:02}:00", "end") for hour in range(0, HOURS, 6)
    ]
    every = max(1, ceil(LABEL_WIDTH * days / wide))
    for number in range(0, days, every):
        day = first + timedelta(days=number)
        if LEFT + cell_w * number <= size.width - RIGHT - LABEL_WIDTH * 0.7:
            parts.append(_text(LEFT + cell_w * number, TOP + high + 15, f"{day.day} {day:%b}", "start"))
    parts += [_text(4, 13, unit, "start"), *_legend(limits, size)]
    return svg(name, title, description, size, "".join(parts))


def _legend(limits: Sequence[float], size: Size) -> list[str]:
    labels = ["0", *(f"<{limit:g}" for limit in limits), f"≥{limits[-1]:g}"]
    pitch = (size.width - LEFT - RIGHT) / len(labels)
    y = 3
    return [
        f'<rect class="level-{level}" x="{LEFT + level * pitch:.1f}" y="{y}" width="11" height="11"/>'
        + _text(LEFT + level * pitch + 14, y + 10, label, "start")
        for level, label in enumerate(labels)
    ]


def _level(value: float, limits: Sequence[float]) -> int:
    if value <= 0:
        return 0
    return next((number for number, limit in enumerate(limits, start=1) if value < limit), len(limits) + 1)


# Less than this is nothing to a picture, and too small for arithmetic with powers of ten.
SMALLEST_SCALE = 1e-12


def _scale(highest: float) -> tuple[float, float]:
    """Return the top of an axis that holds the highest value, and the step of its ticks."""
    if highest < SMALLEST_SCALE:
        return 1.0, 1.0
    power = 10.0 ** floor(log10(highest / TICKS))
    tick = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * TICKS >= highest * 0.999)
    return tick * ceil(highest / tick - 0.001), tick


def _value_axis(size: Size, highest: float, tick: float, y: Callable[[float], float], unit: str) -> list[str]:
    parts = []
    for number in range(round(highest / tick) + 1):
        value = number * tick
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{size.width - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(_text(LEFT - 6, y(value) + 4, f"{value:g}", "end"))
    return [*parts, _text(4, 11, unit, "start")]


def time_axis(start: datetime, end: datetime, x: Callable[[datetime], float], size: Size) -> list[str]:
    """Label local midnights, as many as fit."""
    days = (end.date() - start.date()).days + 1
    every = max(1, ceil(LABEL_WIDTH * days / (size.width - LEFT - RIGHT)))
    parts = []
    base = size.height - BOTTOM
    for number in range(0, days, every):
        day = datetime.combine(start.date() + timedelta(days=number), time(), start.tzinfo)
        if start <= day < end:
            parts.append(f'<line class="tick" x1="{x(day):.1f}" x2="{x(day):.1f}" y1="{base}" y2="{base + 4}"/>')
            if x(day) <= size.width - RIGHT - LABEL_WIDTH * 0.7:
                parts.append(_text(x(day), base + 16, f"{day.day} {day:%b}", "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def svg(name: str, title: str, description: str, size: Size, inner: str) -> str:
    """Return a picture of drawn parts, with its title and description."""
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {size.width} {size.height}" '
        f'aria-labelledby="{escape(name)}-title {escape(name)}-desc">'
        f'<title id="{escape(name)}-title">{escape(title)}</title>'
        f'<desc id="{escape(name)}-desc">{escape(description)}</desc>{inner}</svg>'
    )
