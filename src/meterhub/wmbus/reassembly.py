"""Joins the fragments of a message (EN 13757-7, authentication and fragmentation layer).

The standard numbers the fragments of a message but not the messages, and radio loses, repeats and reorders
frames. So one message a meter is open at a time; a fragment that contradicts it opens a new one. Should
fragments of two messages meet all the same, the message length or the MAC tells when the joined frame is
decoded. No published receiver joins fragments, so field experience is missing.
"""

from dataclasses import dataclass, field

from meterhub.wmbus import afl
from meterhub.wmbus.afl import AFLHeader
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.identity import ELL_SIZE, fingerprint
from meterhub.wmbus.model import LinkFrame

MOST_BYTES = 16 * 1024
_ADDRESS = slice(2, HEADER)


@dataclass(slots=True)
class _Message:
    """An open message: its fragments by number, and fingerprints of its frames and of those joined last."""

    at: float
    before: set[int]
    seen: set[int] = field(default_factory=set)
    parts: dict[int, tuple[AFLHeader, bytes]] = field(default_factory=dict)
    head: bytes = b""
    size: int = 0


class Reassembler:
    """Collects fragments; feed it every frame of every meter.

    A message whose fragments do not arrive within `timeout_s` of the first is given up, and so is the one
    open longest where more than `limit` meters have one, and any of more than 16 KiB.
    """

    def __init__(self, timeout_s: float = 600.0, limit: int = 1024) -> None:
        self._timeout_s = timeout_s
        self._limit = limit
        self._open: dict[bytes, _Message] = {}
        self.given_up = 0

    def __len__(self) -> int:
        """Return how many meters have a message open, or one just joined."""
        return len(self._open)

    def add(self, frame: bytes | LinkFrame, at: float) -> LinkFrame | None:
        """Return the frame to decode: `frame` itself, or the joined one if it completes a message; else None.

        `frame` is CRC-free. `at` is the time of reception [s] on any clock that does not run backwards.
        Fragments inside an encrypted extended link layer are not seen: what cannot be read is returned.
        """
        link = frame if isinstance(frame, LinkFrame) else LinkFrame(frame, "trimmed", "unknown")
        found = _fragment(link.frame)
        if found is None:
            return link
        header, rest = found
        frame = link.frame
        message = self._message(frame, header, at)
        if message is None:
            return None
        message.parts[header.fragment] = header, frame[rest:]
        message.size += len(frame) - rest
        if header.fragment == 1:
            message.head = frame[1 : _afl_offset(frame)]
        if message.size > MOST_BYTES:
            self._drop(frame[_ADDRESS])
            return None
        last = next((number for number, (part, _) in message.parts.items() if not part.more_follow), 0)
        if not last or len(message.parts) < last:
            return None
        joined = _join(message, last)
        # what stays keeps repetitions from opening a message
        self._open[frame[_ADDRESS]] = _Message(message.at, message.seen)
        return joined

    def _message(self, frame: bytes, header: AFLHeader, at: float) -> _Message | None:
        """Return the open message that a fragment belongs to; None for a repetition."""
        while self._open and at - next(iter(self._open.values())).at > self._timeout_s:
            self._drop(next(iter(self._open)))
        key, mark = frame[_ADDRESS], fingerprint(frame)
        message = self._open.get(key)
        if message is not None:
            if mark in message.seen or (mark in message.before and not _may_recur(message)):
                return None
            if message.parts and _agrees(message, header):
                message.seen.add(mark)
                return message
            self._drop(key)
        elif len(self._open) >= self._limit:
            self._drop(next(iter(self._open)))
        # the table is in the order of opening, so the oldest stands first
        fresh = self._open[key] = _Message(at, message.before if message is not None else set(), {mark})
        return fresh

    def _drop(self, key: bytes) -> None:
        self.given_up += bool(self._open.pop(key).parts)


def _fragment(frame: bytes) -> tuple[AFLHeader, int] | None:
    """Return the layer of a fragment and the offset behind it; None for any other frame."""
    at = _afl_offset(frame)
    if at >= len(frame) or frame[at] != afl.CI:
        return None
    try:
        header, rest = afl.parse(frame, at)
    except ValueError:
        return None
    return (header, rest) if header.fragment else None


def _afl_offset(frame: bytes) -> int:
    return HEADER + ELL_SIZE.get(frame[HEADER], 0) if len(frame) > HEADER else HEADER


def _may_recur(message: _Message) -> bool:
    """Tell whether fragments of the message before may be sent again: only where no counter changes them."""
    return bool(message.parts) and not any(part.counter or part.mac for part, _ in message.parts.values())


def _agrees(message: _Message, header: AFLHeader) -> bool:
    """Tell whether a fragment can be of this message: its number is free and fits the last one's."""
    if header.fragment in message.parts:
        return False
    counters = {part.counter for part, _ in message.parts.values() if part.counter}
    if header.counter and counters and header.counter not in counters:
        return False
    lasts = [number for number, (part, _) in message.parts.items() if not part.more_follow]
    if header.more_follow:
        return all(header.fragment < last for last in lasts)
    return not lasts and all(number < header.fragment for number in message.parts)


def _join(message: _Message, last: int) -> LinkFrame:
    """Return the whole message behind the link header of its first fragment."""
    headers = [message.parts[number][0] for number in range(1, last + 1)]
    body = b"".join([message.parts[number][1] for number in range(1, last + 1)])
    whole = AFLHeader(
        0,
        next((part.mcl for part in headers if part.mcl), 0),
        next((part.key_information for part in headers if part.key_information), b""),
        next((part.counter for part in headers if part.counter), b""),
        next((part.mac for part in headers if part.mac), b""),
        next((part.message_length for part in headers if part.message_length), b""),
    )
    rest = message.head + afl.build(whole) + body
    return LinkFrame(bytes((min(len(rest), 255),)) + rest, "joined", "unknown")
