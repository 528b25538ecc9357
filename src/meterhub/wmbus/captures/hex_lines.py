"""Lines of hex: one frame a line, with CRCs or without; `_`, `|`, `:`, `-` and blanks are ignored.

A line counts as hex when nearly all of it is hex digits, so that one with a typing error is told apart from
other text and its first wrong character named.
"""

from meterhub.wmbus.captures.found import Outcome
from meterhub.wmbus.captures.hex_text import parse_captured, share_of_digits

_SHORTEST = 20  # hex digits of a link header; dates and times have fewer
_NEARLY_ALL = 0.95


def parse(line: str) -> Outcome:
    """Return the frame of a line of hex."""
    if len(line) < _SHORTEST or share_of_digits(line.removeprefix("0x")) < _NEARLY_ALL:
        return None
    return parse_captured(line)
