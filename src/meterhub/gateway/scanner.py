"""Finds binary messages in a byte stream that may hold noise, and starts again behind it."""

from collections.abc import Callable

from meterhub.gateway.dongle import Event, Garbage

Step = Callable[[bytearray], Event | int | None]
"""Takes one message off the buffer and returns its event; or returns how many bytes to skip, at least one;
None: more bytes are needed. Gets a buffer that is not empty."""


class Scanner:
    """The part that codecs of binary protocols share; `step` knows the protocol."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return what became complete, and each stretch of skipped bytes as one `Garbage`."""
        self._buffer += data
        events: list[Event] = []
        noise = bytearray()
        while self._buffer and (result := self._step(self._buffer)) is not None:
            if isinstance(result, int):
                noise += self._buffer[:result]
                del self._buffer[:result]
                continue
            if noise:
                events.append(Garbage(bytes(noise), "no valid message"))
                noise.clear()
            events.append(result)
        if noise:
            events.append(Garbage(bytes(noise), "no valid message"))
        return events

    def quiet(self) -> list[Event]:
        """Give up on the message that did not end, and look for others behind its first byte."""
        events: list[Event] = []
        while self._buffer:
            events.append(Garbage(bytes(self._buffer[:1]), "message cut off"))
            del self._buffer[:1]
            events += self.feed(b"")
        return events
