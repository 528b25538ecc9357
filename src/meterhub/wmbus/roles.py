"""Roles of bytes: ranges of a frame with a name and a value, put down from front to back without gaps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from meterhub.wmbus.crc import crc16

Layer = Literal["dll", "ell", "afl", "tpl", "apl", "crc"]

_HEADER_BLOCK, _BLOCK, _CRC = 10, 16, 2
_LONGEST_WITH_ONE_CRC = 128


@dataclass(frozen=True, slots=True)
class Role:
    """What a range of bytes is for.

    `offset` counts bytes of the frame as given. `content` holds the bytes themselves, the plain ones where
    `decrypted` says so. `record` numbers the data record that the range belongs to.
    """

    layer: Layer
    name: str
    offset: int
    length: int
    value: str
    content: bytes
    decrypted: bool = False
    record: int | None = None


class Painter:
    """Puts roles down one behind the other; no role reaches behind the end of the data."""

    __slots__ = ("at", "data", "decrypted", "roles")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.decrypted = range(0)
        self.roles: list[Role] = []

    def put(self, layer: Layer, name: str, size: int, value: str = "", record: int | None = None) -> None:
        """Give the next `size` bytes a role, or as many of them as there are."""
        content = self.data[self.at : self.at + max(size, 0)]
        if content:
            decrypted = self.at in self.decrypted
            self.roles.append(Role(layer, name, self.at, len(content), value, content, decrypted, record))
            self.at += len(content)

    def put_rest(self, layer: Layer, name: str, value: str = "") -> None:
        """Give all bytes up to the end one role."""
        self.put(layer, name, len(self.data) - self.at, value)

    def replace_tail(self, start: int, plain: bytes, size: int) -> None:
        """Go on with decrypted bytes from `start`; the first `size` of them were encrypted."""
        self.data = self.data[:start] + plain + self.data[start + len(plain) :]
        self.decrypted = range(min(self.decrypted.start or start, start), max(self.decrypted.stop, start + size))


def crc_blocks(size: int, frame_format: str) -> Iterator[tuple[int, int]]:
    """Yield where the blocks of a frame on air start and where their CRCs start; the CRCs take two bytes."""
    if frame_format == "A":
        start, length = 0, _HEADER_BLOCK
        while start < size:
            end = min(start + length, size - _CRC)
            yield start, end
            start, length = end + _CRC, _BLOCK
    elif frame_format == "B" and size <= _LONGEST_WITH_ONE_CRC:
        yield 0, size - _CRC
    elif frame_format == "B":
        yield 0, _LONGEST_WITH_ONE_CRC - _CRC
        yield _LONGEST_WITH_ONE_CRC, size - _CRC


def block_is_sound(raw: bytes, start: int, end: int) -> bool:
    """Tell whether the CRC at `end` fits the block before it."""
    return crc16(raw[start:end]) == int.from_bytes(raw[end : end + _CRC], "big")


def on_air(raw: bytes, frame_format: str, roles: list[Role]) -> tuple[Role, ...]:
    """Move the roles of a CRC-free frame to where their bytes stand in the frame as given, between its CRCs."""
    placed: list[Role] = []
    waiting = roles[::-1]
    shift = 0
    for start, end in crc_blocks(len(raw), frame_format):
        while waiting and waiting[-1].offset + shift < end:
            role = waiting.pop()
            fits = end - role.offset - shift
            if role.length > fits:
                role, rest = _split(role, fits)
                waiting.append(rest)
            placed.append(replace(role, offset=role.offset + shift))
        covered = f"matches bytes {start} to {end - 1}"
        placed.append(Role("crc", "CRC", end, _CRC, covered, raw[end : end + _CRC]))
        shift += _CRC
    placed += reversed(waiting)
    return tuple(placed)


def _split(role: Role, size: int) -> tuple[Role, Role]:
    """Cut a role in two behind `size` bytes."""
    name = role.name if role.name.endswith("(continued)") else f"{role.name} (continued)"
    return (
        replace(role, length=size, content=role.content[:size]),
        replace(
            role,
            name=name,
            offset=role.offset + size,
            length=role.length - size,
            value="",
            content=role.content[size:],
        ),
    )
