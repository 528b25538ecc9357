"""What a line of a capture can hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame as the line holds it, with or without CRCs; `key` is the hex text that stands beside it, if any."""

    frame: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A line of a known format without a usable frame: a stable code, and why in words."""

    code: str
    message: str


Outcome = Captured | Unusable | None
"""None: the line is not of this format."""
