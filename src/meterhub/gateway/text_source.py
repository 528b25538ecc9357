"""What programs that print telegrams as lines of text have in common: nothing to configure, nothing to ask."""

from collections.abc import Callable
from functools import partial

from meterhub.gateway.chunks import Splitter
from meterhub.gateway.dongle import (
    MIN_FRAME_LENGTH,
    Conversation,
    DongleInfo,
    DongleModel,
    Event,
    Garbage,
    LinkMode,
    ReceivedFrame,
    SetUpError,
)

_MAX_LINE = 4096
_UNUSED_BAUDRATE = 115200

LineParser = Callable[[str], ReceivedFrame | None]
"""Returns the frame of a line, None for a line that holds none; raises `ValueError` for a damaged one."""


class TextSource:
    """Codec of a program's output; `parse` knows its lines."""

    def __init__(self, name: str, parse: LineParser) -> None:
        self._name = name
        self._parse = parse
        self._splitter = Splitter(b"\n", _MAX_LINE)

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return the telegrams of the lines that became complete and the damaged lines."""
        events = (self._event(line.strip()) for line in self._splitter.feed(data))
        return [event for event in events if event is not None]

    def _event(self, line: bytes) -> Event | None:
        try:
            return self._parse(line.decode("ascii")) if line else None
        except ValueError as error:
            return Garbage(line, str(error))

    def quiet(self) -> list[Event]:
        """Keep what has come of a line: a program may pause within it."""
        return []

    def identify(self) -> Conversation:
        """Refuse: there is nothing to ask."""
        yield from ()
        raise SetUpError(f"{self._name}: cannot be asked, only listened to")

    def set_up(self, mode: LinkMode) -> Conversation:
        """Return at once; the program was told on its own command line what to receive."""
        yield from ()
        return DongleInfo(self._name, "", "", mode)

    def reset(self) -> None:
        """Return nothing: opening the line anew starts the program again."""


def text_source_model(
    name: str, title: str, parse: LineParser, usb_ids: frozenset[tuple[int, int]] = frozenset()
) -> DongleModel:
    """Return the `DONGLE` of a text source; it must be named, for it answers no search."""
    new_codec = partial(TextSource, title, parse)
    return DongleModel(name, title, _UNUSED_BAUDRATE, frozenset(LinkMode), new_codec, None, usb_ids)


def frame_of_hex(text: str) -> bytes:
    """Return a frame without CRCs from hex whose L field must be right; raises `ValueError` otherwise."""
    frame = bytes.fromhex(text)
    if len(frame) <= MIN_FRAME_LENGTH or frame[0] != len(frame) - 1:
        raise ValueError("the L field contradicts the length of the frame")
    return frame


def mode_of_letter(text: str) -> LinkMode | None:
    """Return the link mode that starts with the same letter as a program's name for it."""
    return {"S": LinkMode.S1, "T": LinkMode.T1, "C": LinkMode.C1}.get(text[:1].upper())
