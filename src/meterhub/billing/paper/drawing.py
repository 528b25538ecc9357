"""What the template draws as one picture each: barcode, QR code and bars as SVG, a single path, no text."""

import re
from collections.abc import Iterable, Sequence

import segno

from meterhub.billing.paper.bars import modules

_DARK_RUN = re.compile(b"\x01+")
# Modules of quiet zone around a QR code (ISO/IEC 18004).
QUIET_ZONE = 4
# Any mask can be read; trying all eight for the one with the least penalty takes as long as the rest of a page.
MASK = 4
CODE_128_WIDTH = 332
BAR_COLOUR = "#2a8fbd"
# The picture of consumption has this size inside; the template stretches it.
CHART_WIDTH, CHART_HEIGHT = 1000, 200
SLOT_FILLED = 0.76


def barcode_svg(digits: str) -> str:
    """Return the 54 digits of a bank barcode, a unit a module, quiet zones not included."""
    path = "".join(f"M{start} 0h{width}v10h-{width}z" for start, width in modules(digits))
    return _svg(CODE_128_WIDTH, 10, path, "#000")


def qr_svg(content: str) -> str:
    """Return a QR code of error level M with its quiet zone, a unit a module."""
    code = segno.make(content, error="m", micro=False, boost_error=False, mask=MASK)
    path = [
        f"M{run.start() + QUIET_ZONE} {y + QUIET_ZONE}h{run.end() - run.start()}v1h-{run.end() - run.start()}z"
        for y, row in enumerate(code.matrix)
        for run in _DARK_RUN.finditer(row)
    ]
    size = len(code.matrix) + 2 * QUIET_ZONE
    return _svg(size, size, "".join(path), "#000")


def bars_svg(bars: Sequence[float | None]) -> str:
    """Return bars of heights between 0 and 1, side by side."""
    slot = CHART_WIDTH / len(bars)
    return _svg(CHART_WIDTH, CHART_HEIGHT, "".join(_bars(bars, slot)), BAR_COLOUR)


def _bars(bars: Sequence[float | None], slot: float) -> Iterable[str]:
    for number, bar in enumerate(bars):
        if bar:
            height = bar * CHART_HEIGHT
            width = slot * SLOT_FILLED
            left = slot * (number + (1 - SLOT_FILLED) / 2)
            yield f"M{left:.2f} {CHART_HEIGHT - height:.2f}h{width:.2f}v{height:.2f}h-{width:.2f}z"


def _svg(width: int, height: int, path: str, fill: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" preserveAspectRatio="none"><path fill="{fill}" d="{path}"/></svg>'
    )
