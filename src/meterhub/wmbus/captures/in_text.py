"""Frames within other text, such as a log that puts a time before the hex.

Only a word that is sure to be a frame is taken: its lengths and CRCs fit, and a meter sends its C-field.
Other hex in logs, such as hashes and keys, is left alone.
"""

import re

from meterhub.wmbus.captures.found import Captured, Outcome
from meterhub.wmbus.captures.hex_text import is_sound

_WORD = re.compile(r"(?<![^\s,;|=])(?:0x)?((?:[0-9A-Fa-f]{2}){11,})(?![^\s,;|])")
_FROM_METERS = frozenset((0x44, 0x46, 0x08, 0x18, 0x28, 0x38, 0x47, 0x48))


def parse(line: str) -> Outcome:
    """Return the first frame in a line of text."""
    for word in _WORD.finditer(line):
        frame = bytes.fromhex(word[1])
        if frame[1] in _FROM_METERS and is_sound(frame):
            return Captured(frame)
    return None
