"""Pictures for billing: prices as steps over time, and bars side by side; SVG text, pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import NamedTuple

STEP_WIDTH, STEP_HEIGHT = 520, 130
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 24
ROW, LABEL = 44, 150


class Step(NamedTuple):
    """A price from a day on, up to another or open."""

    start: date
    end: date | None
    price: Decimal


class Pair(NamedTuple):
    """A label and its amounts, of today and tried."""

    label: str
    before: Decimal
    after: Decimal


def price_steps(steps: Sequence[Step], today: date, *, name: str, title: str) -> str:
    """Return a price over time as steps; what is to come is another shade, today a line."""
    first = min(step.start for step in steps)
    last = max([today, *(step.end or step.start for step in steps)])
    span = max(1, (last - first).days) * 1.08 + 30
    highest = float(max(step.price for step in steps)) or 1.0
    wide, high = STEP_WIDTH - LEFT - RIGHT, STEP_HEIGHT - TOP - BOTTOM

    def x(day: date) -> float:
        return LEFT + wide * min(1.0, (day - first).days / span)

    def y(price: Decimal) -> float:
        return TOP + high * (1 - float(price) / highest)

    base = TOP + high
    parts = [f'<line class="grid" x1="{LEFT}" x2="{STEP_WIDTH - RIGHT}" y1="{base}" y2="{base}"/>']
    for step in steps:
        end = STEP_WIDTH - RIGHT if step.end is None else x(step.end)
        kind = "estimated" if step.start > today else "measured"
        left, top = x(step.start), y(step.price)
        parts.append(
            f'<rect class="bar {kind}" x="{left:.1f}" y="{top:.1f}" width="{max(1.0, end - left - 1):.1f}" '
            f'height="{max(1.0, base - top):.1f}"><title>{step.price} from {step.start}</title></rect>'
        )
        parts.append(_text(left, base + 16, str(step.start), "start"))
    dearest = max(step.price for step in steps)
    parts.append(_text(LEFT - 6, y(dearest) + 10, f"{dearest}", "end"))
    parts.append(f'<line class="tick" x1="{x(today):.1f}" x2="{x(today):.1f}" y1="{TOP - 6}" y2="{base}"/>')
    return _svg(name, title, "The line is today.", STEP_WIDTH, STEP_HEIGHT, "".join(parts))


def pairs(rows: Sequence[Pair], *, name: str, title: str, description: str) -> str:
    """Return two bars a row, today's above the tried one."""
    width = 520
    height = ROW * max(1, len(rows)) + 8
    highest = max((float(abs(value)) for row in rows for value in (row.before, row.after)), default=0.0) or 1.0
    wide = width - LABEL - 90
    parts = []
    for number, row in enumerate(rows):
        top = ROW * number + 4
        parts.append(_text(LABEL - 8, top + 24, row.label[:22], "end"))
        for offset, (kind, value) in enumerate((("estimated", row.before), ("measured", row.after))):
            length = wide * float(abs(value)) / highest
            y = top + 4 + offset * 17
            parts.append(
                f'<rect class="bar {kind}" x="{LABEL}" y="{y}" width="{max(1.0, length):.1f}" height="14"/>'
            )
            parts.append(_text(LABEL + length + 5, y + 12, f"{value:,.0f}".replace(",", " "), "start"))
    return _svg(name, title, description, width, height, "".join(parts))


def histogram(classes: Sequence[tuple[str, int]], width: int, *, name: str, title: str, description: str) -> str:
    """Return counts of classes as columns."""
    height = 190
    highest = max((count for _, count in classes), default=0) or 1
    column = (width - 20) / max(1, len(classes))
    base = height - 28
    parts = []
    for number, (label, count) in enumerate(classes):
        tall = (base - 22) * count / highest
        left = 10 + number * column
        parts.append(
            f'<rect class="bar measured" x="{left:.1f}" y="{base - tall:.1f}" width="{column * 0.84:.1f}" '
            f'height="{max(0.5, tall):.1f}"/>'
        )
        middle = left + column * 0.42
        parts.append(_text(middle, base - tall - 4, str(count), "middle"))
        parts.append(_text(middle, base + 15, label, "middle"))
    return _svg(name, title, description, width, height, "".join(parts))


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(name: str, title: str, description: str, width: int, height: int, inner: str) -> str:
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" '
        f'aria-labelledby="{escape(name)}-title {escape(name)}-desc"><title id="{escape(name)}-title">'
        f'{escape(title)}</title><desc id="{escape(name)}-desc">{escape(description)}</desc>{inner}</svg>'
    )
