"""The bars of the bank barcode: Code 128 (ISO/IEC 15417), set C, as widths that the template draws."""

from itertools import groupby

from barcode.codex import Code128


def modules(digits: str) -> list[list[int]]:
    """Return [start, width] of each bar in modules, quiet zones not included."""
    pattern = Code128(digits).build()[0]
    bars, position = [], 0
    for sign, run in groupby(pattern):
        width = len(list(run))
        if sign == "1":
            bars.append([position, width])
        position += width
    return bars
