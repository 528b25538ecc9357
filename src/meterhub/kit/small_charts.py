"""Small pictures as SVG text: a line of values among words, and a table whose cells are shades. Pure."""

from collections.abc import Mapping, Sequence
from html import escape

SPARK_WIDTH, SPARK_HEIGHT = 150, 30
ROW_HEIGHT, HEAD_HEIGHT, LABEL_WIDTH, LETTER_WIDTH = 26, 22, 120, 7
LEVELS = 5


def sparkline(values: Sequence[float | None], *, name: str, title: str) -> str:
    """Return bars of equal width, as tall as their values; None leaves a gap, zero a line at the bottom."""
    highest = max((value for value in values if value is not None), default=0) or 1
    width = SPARK_WIDTH / max(1, len(values))
    bars = "".join(
        f"M{number * width:.1f} {SPARK_HEIGHT}v-{max(1.0, (SPARK_HEIGHT - 2) * value / highest):.1f}"
        f"h{width * 0.85:.2f}V{SPARK_HEIGHT}z"
        for number, value in enumerate(values)
        if value is not None
    )
    return (
        f'<svg class="spark" role="img" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" width="{SPARK_WIDTH}" '
        f'height="{SPARK_HEIGHT}" aria-labelledby="{escape(name)}-title">'
        f'<title id="{escape(name)}-title">{escape(title)}</title><path class="bar measured" d="{bars}"/></svg>'
    )


def shaded_table(
    rows: Mapping[str, Sequence[int]],
    heads: Sequence[str],
    *,
    name: str,
    title: str,
    description: str,
    width: int,
) -> str:
    """Return a row of counts for each name, each cell shaded by its share of the row's sum and with its count."""
    height = HEAD_HEIGHT + ROW_HEIGHT * max(1, len(rows))
    cell = (width - LABEL_WIDTH) / max(1, len(heads))
    parts = [
        f'<text x="{LABEL_WIDTH + cell * (place + 0.5):.1f}" y="14" text-anchor="middle">{escape(head)}</text>'
        for place, head in enumerate(heads)
        if cell >= len(head) * LETTER_WIDTH or place % 2 == 0
    ]
    for line, (label, counts) in enumerate(rows.items()):
        top = HEAD_HEIGHT + ROW_HEIGHT * line
        shown = (
            label if len(label) * LETTER_WIDTH <= LABEL_WIDTH else label[: LABEL_WIDTH // LETTER_WIDTH - 1] + "…"
        )
        parts.append(f'<text x="{LABEL_WIDTH - 8}" y="{top + 17}" text-anchor="end">{escape(shown)}</text>')
        total = sum(counts) or 1
        for place, count in enumerate(counts):
            level = 0 if count == 0 else min(LEVELS, 1 + int(LEVELS * count / total))
            left = LABEL_WIDTH + cell * place
            parts.append(
                f'<rect class="level-{level}" x="{left:.1f}" y="{top}" width="{cell - 2:.1f}" '
                f'height="{ROW_HEIGHT - 2}"><title>{escape(label)}, {escape(heads[place])}: {count}</title></rect>'
            )
            if count and cell >= (len(str(count)) + 1) * LETTER_WIDTH:
                parts.append(
                    f'<text class="on-level-{level}" x="{left + cell / 2 - 1:.1f}" y="{top + 17}" '
                    f'text-anchor="middle">{count}</text>'
                )
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" '
        f'aria-labelledby="{escape(name)}-title {escape(name)}-desc"><title id="{escape(name)}-title">'
        f'{escape(title)}</title><desc id="{escape(name)}-desc">{escape(description)}</desc>{"".join(parts)}</svg>'
    )
