"""An amount that changes in steps, such as a balance, as SVG text; above zero and below are told apart."""

from collections.abc import Sequence
from datetime import date
from html import escape
from math import ceil, floor, log10

from meterhub.kit.charts import Size

LEFT, RIGHT, TOP, BOTTOM = 64, 8, 26, 22
LINES = 4
LABEL_WIDTH = 74


def step_chart(
    steps: Sequence[tuple[date, float]],
    until: date,
    *,
    name: str,
    title: str,
    description: str,
    unit: str,
    size: Size,
) -> str:
    """Return the amount from each day on, up to a day; `name` makes the ids of the page unique."""
    ids = f"{escape(name)}-title {escape(name)}-desc"
    head = (
        f'<svg class="chart" role="img" viewBox="0 0 {size.width} {size.height}" aria-labelledby="{ids}">'
        f'<title id="{escape(name)}-title">{escape(title)}</title>'
        f'<desc id="{escape(name)}-desc">{escape(description)}</desc>'
    )
    if not steps:
        return f'{head}<text x="{size.width / 2}" y="{size.height / 2}" text-anchor="middle">no data</text></svg>'
    start = steps[0][0]
    days = max(1, (until - start).days)
    values = [value for _, value in steps]
    tick = _tick(max(*values, 0.0) - min(*values, 0.0))
    low, high = floor(min(*values, 0.0) / tick) * tick, ceil(max(*values, tick) / tick) * tick
    wide, base = size.width - LEFT - RIGHT, size.height - BOTTOM

    def x(day: date) -> float:
        return LEFT + wide * min(1.0, (day - start).days / days)

    def y(value: float) -> float:
        return base - (base - TOP) * (value - low) / (high - low)

    parts = [f'<text x="4" y="11">{escape(unit)}</text>']
    for number in range(round((high - low) / tick) + 1):
        value = low + number * tick
        kind = "tick" if value == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{LEFT}" x2="{size.width - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    ends = [day for day, _ in steps[1:]] + [until]
    for kind, wanted in (("measured", 1), ("estimated", -1)):
        path = "".join(
            f"M{x(day):.1f} {y(0):.1f}V{y(value):.1f}H{max(x(end), x(day) + 1):.1f}V{y(0):.1f}z"
            for (day, value), end in zip(steps, ends, strict=True)
            if value * wanted > 0
        )
        parts.append(f'<path class="bar {kind}" d="{path}"/>' if path else "")
    fits = max(1, int(wide / LABEL_WIDTH))
    for number in range(fits):
        day = date.fromordinal(start.toordinal() + days * number // fits)
        parts.append(f'<text x="{x(day):.1f}" y="{base + 16}">{day.day} {day:%b %y}</text>')
    return head + "".join(parts) + "</svg>"


def _tick(span: float) -> float:
    """Return a round distance of about a quarter of a span."""
    rough = max(span, 1.0) / LINES
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
