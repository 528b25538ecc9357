"""Cuts a byte stream at a delimiter, for dongles and programs that speak in lines or packets."""


class Splitter:
    """Collects bytes until a delimiter comes; what grows too long without one is given up."""

    def __init__(self, delimiter: bytes, limit: int) -> None:
        self._delimiter = delimiter
        self._limit = limit
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes; return the pieces that became complete, without delimiters and without empty ones."""
        *pieces, self._buffer = (self._buffer + data).split(self._delimiter)
        if len(self._buffer) > self._limit:
            pieces.append(self.rest())
        return [piece for piece in pieces if piece]

    def rest(self) -> bytes:
        """Give up on what has no delimiter yet and return it."""
        rest, self._buffer = self._buffer, b""
        return rest
