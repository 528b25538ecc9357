"""Spans of time one below the other as SVG: what was where and when, at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape

from meterhub.kit.charts import Size, svg, time_axis

LANE = 26
BAR = 14
TOP, BOTTOM, RIGHT = 10, 22, 8
LETTER = 6.6  # pixels of a letter at the size of labels, on average


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when something was so; `kind` becomes its class, `said` is shown on touch."""

    start: datetime
    end: datetime
    kind: str
    said: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A line with a label and its spans."""

    label: str
    spans: Sequence[Span]


def lanes_chart(
    lanes: Sequence[Lane],
    since: datetime,
    until: datetime,
    *,
    name: str,
    title: str,
    description: str,
    zone: tzinfo,
    width: int,
) -> str:
    """Return lanes over a time axis; what lies outside of the time shown is cut off."""
    left = min(width * 0.45, 16 + LETTER * max((len(lane.label) for lane in lanes), default=0))
    fits = max(4, int((left - 16) / LETTER))
    size = Size(width, TOP + LANE * len(lanes) + BOTTOM)
    length_s = (until - since).total_seconds()

    def x(at: datetime) -> float:
        return left + (width - RIGHT - left) * min(1.0, max(0.0, (at - since).total_seconds() / length_s))

    parts = time_axis(since.astimezone(zone), until.astimezone(zone), x, size)
    for number, lane in enumerate(lanes):
        top = TOP + LANE * number
        label = lane.label if len(lane.label) <= fits else lane.label[: fits - 1] + "…"
        parts.append(f'<text x="{left - 8:.1f}" y="{top + BAR - 2}" text-anchor="end">{escape(label)}</text>')
        parts += [
            f'<rect class="{escape(span.kind)}" x="{x(span.start):.1f}" y="{top}" '
            f'width="{max(2.0, x(span.end) - x(span.start)):.1f}" height="{BAR}">'
            f"<title>{escape(span.said)}</title></rect>"
            for span in lane.spans
            if span.end >= since and span.start < until
        ]
    return svg(name, title, description, size, "".join(parts))
