"""Captures as files: plain or gzip-compressed text, or standard input, read line by line."""

import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from meterhub.errors import BadInput

STANDARD_INPUT = Path("-")
LONGEST_LINE = 65_536
"""Characters of a line that are read; a telegram has less than a thousandth of it."""


class CaptureFile:
    """An open capture; `position` is how much of the file has been read [bytes]."""

    def __init__(self, raw: BinaryIO, text: TextIO) -> None:
        self._raw = raw
        self._text = text

    @property
    def position(self) -> int:
        """Return how far the file has been read; 0 for a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def lines(self) -> Iterator[str]:
        """Yield the lines; what is longer than any telegram is cut."""
        try:
            while line := self._text.readline(LONGEST_LINE):
                whole = line
                while len(line) == LONGEST_LINE and not line.endswith("\n"):
                    line = self._text.readline(LONGEST_LINE)
                yield whole
        except (OSError, EOFError) as error:
            raise BadInput(f"the file cannot be read to its end: {error}") from None


@contextmanager
def open_capture(file: Path) -> Iterator[CaptureFile]:
    """Open a capture; `-` is standard input, a name that ends in `.gz` is compressed."""
    if file == STANDARD_INPUT:
        raw: BinaryIO = sys.stdin.buffer
        yield CaptureFile(raw, io.TextIOWrapper(raw, encoding="utf-8", errors="replace"))
        return
    try:
        raw = file.open("rb")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    with raw:
        plain = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
        yield CaptureFile(raw, io.TextIOWrapper(plain, encoding="utf-8", errors="replace"))


def size_of(file: Path) -> int | None:
    """Return how many bytes a file has; None for a pipe."""
    try:
        return None if file == STANDARD_INPUT else file.stat().st_size
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
