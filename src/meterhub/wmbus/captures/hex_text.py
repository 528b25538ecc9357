"""Hex digits as people and loggers write them: in either case, with blanks, `_`, `|`, `:` and `-` between."""

from string import whitespace

from meterhub.wmbus.captures.found import Captured, Unusable
from meterhub.wmbus.dll import strip_crc
from meterhub.wmbus.errors import FrameError

SEPARATORS = " \t_|:-"
_DROPPED = str.maketrans("", "", SEPARATORS)
_DIGITS = frozenset("0123456789abcdefABCDEF")


def parse_hex(text: str, what: str = "frame", *, secret: bool = False) -> bytes:
    """Return the bytes; ValueError names the first character that is no hex digit, or the odd count.

    The text of a `secret` is not repeated in the error.
    """
    body = text.strip()
    skipped = 2 if body[:2] in ("0x", "0X") else 0
    digits = body[skipped:].translate(_DROPPED)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        start = len(text) - len(text.lstrip()) + skipped
        for position, character in enumerate(text[start:], start + 1):
            if character not in _DIGITS and character not in SEPARATORS and character not in whitespace:
                shown = "" if secret else f", {character!r},"
                raise ValueError(f"{what}: character {position}{shown} is not a hex digit") from None
    raise ValueError(f"{what}: {len(digits)} hex digits are an odd number, two make a byte")


def parse_captured(text: str, key: str | None = None) -> Captured | Unusable:
    """Return what a text that must be hex holds."""
    try:
        frame = parse_hex(text)
    except ValueError as error:
        return Unusable("bad-hex", str(error))
    if not frame:
        return Unusable("bad-hex", "frame: there are no hex digits")
    return Captured(frame, key)


def share_of_digits(text: str) -> float:
    """Return how much of a text, separators aside, is hex digits."""
    body = text.translate(_DROPPED)
    return sum(character in _DIGITS for character in body) / len(body) if body else 0.0


def is_sound(frame: bytes) -> bool:
    """Tell whether the lengths of a frame fit, and its CRCs where it has them."""
    try:
        strip_crc(frame)
    except FrameError:
        return False
    return True
