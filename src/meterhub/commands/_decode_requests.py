"""What `meterhub decode` is asked: telegrams from arguments, standard input and files, and their keys."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from meterhub.wmbus import FormatStore, FrameError, KeyLookup, SecurityResult, Telegram, decode
from meterhub.wmbus.captures import Captured, Line, parse_hex, read_capture
from meterhub.wmbus.model import Diagnostic
from meterhub.wmbus.security import KEY_SIZE

Outcome = Telegram | Diagnostic
"""A telegram, or the reason why a frame gives none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame stands: file, line, and the format of the line (empty where none was recognised)."""

    file: str
    line: int
    format: str


@dataclass(frozen=True, slots=True)
class Request:
    """A frame to decode and what opens it, or the problem why there is none."""

    frame: bytes = b""
    key: KeyLookup | bytes | None = field(default=None, repr=False)
    problem: Diagnostic | None = None
    place: Place | None = None


def attempt(request: Request, formats: FormatStore) -> Outcome:
    """Decode what was asked."""
    if request.problem is not None:
        return request.problem
    key = request.key
    try:
        if isinstance(key, bytes) and len(key) != KEY_SIZE:
            return _without_key(decode(request.frame, None, formats), len(key))
        return decode(request.frame, key, formats)
    except FrameError as error:
        return Diagnostic(error.layer, error.code, error.offset, str(error))


def _without_key(telegram: Telegram, size: int) -> Telegram:
    """Say that a key of `size` bytes is none, where one is needed."""
    if telegram.security is not SecurityResult.KEY_MISSING:
        return telegram
    last = telegram.diagnostics[-1]
    message = f"AES-128 needs a key of {KEY_SIZE} bytes, this one has {size}"
    note = Diagnostic(last.layer, "key-size", last.offset, message)
    return replace(telegram, diagnostics=(*telegram.diagnostics[:-1], note, last))


def key_of(text: str | None) -> bytes | None:
    """Return the key an option holds; ValueError, without the text, where it is none."""
    return None if text is None else parse_hex(text, "key", secret=True)


def from_argument(text: str, key: KeyLookup | bytes | None) -> Request:
    """Return the request of a telegram in hex; a file of that name was looked for before."""
    try:
        return Request(parse_hex(text), key)
    except ValueError as error:
        return refused("bad-hex", f"{error}; nor is there a file of that name")


def from_json_lines(lines: Iterable[str], key: KeyLookup | bytes | None) -> Iterator[Request]:
    """Read {"frame": HEX, "key": HEX or null} a line; `key` opens what has none of its own.

    A line that is something else becomes a request that cannot be answered, so that answers stay in step.
    """
    for line in lines:
        if line.strip():
            yield _from_json(line, key)


def _from_json(line: str, key: KeyLookup | bytes | None) -> Request:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        return refused("bad-json", str(error))
    if not isinstance(item, dict):
        return refused("bad-json", "the line is not a JSON object")
    try:
        frame = parse_hex(_text(item.get("frame"), "frame"))
        own_key = item.get("key")
        return Request(frame, key if own_key is None else key_of(_text(own_key, "key")))
    except ValueError as error:
        return refused("bad-hex", str(error))


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{what}: hex text is needed, not {type(value).__name__}")


def refused(code: str, message: str, place: Place | None = None) -> Request:
    """Return the request of something that cannot be a frame."""
    return Request(problem=Diagnostic("input", code, 0, message), place=place)


def from_file(
    path: Path, key: KeyLookup | bytes | None, column: str | None, read: Callable[[int], None]
) -> Iterator[Request]:
    """Read a capture line by line; `read` is told how many bytes each line took."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in read_capture(_counted(file, read), column):
            yield _from_line(line, str(path), key)


def _counted(file: TextIO, read: Callable[[int], None]) -> Iterator[str]:
    for line in file:
        read(len(line))
        yield line


def _from_line(line: Line, file: str, key: KeyLookup | bytes | None) -> Request:
    place = Place(file, line.number, line.format)
    found = line.found
    if not isinstance(found, Captured):
        return refused(found.code, found.message, place)
    try:
        own_key = key_of(found.key)
    except ValueError as error:
        return refused("bad-hex", str(error), place)
    return Request(found.frame, key if own_key is None else own_key, place=place)


def existing_file(argument: str) -> Path | None:
    """Return the path that an argument names, None where there is no such file."""
    try:
        path = Path(argument)
        return path if path.exists() and not path.is_dir() else None
    except (OSError, ValueError):  # too long for a name, as telegrams are, or with a zero character
        return None
