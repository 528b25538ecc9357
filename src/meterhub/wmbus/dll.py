"""Data link layer of EN 13757-4: frame formats A and B, trimming, addresses.

Inside the package a frame is CRC-free: its L-field counts the bytes that follow.
"""

from functools import lru_cache

from meterhub.wmbus.crc import crc16
from meterhub.wmbus.errors import BadCRC, Truncated
from meterhub.wmbus.model import Address, LinkFrame

HEADER = 10
_FIRST_OF_TWO = 126  # format B: bytes covered by the first CRC of a frame longer than 128 bytes
_SURPLUS = 4  # bytes of signal strength or checksum that receivers leave behind a frame


def _format_a_size(length: int) -> int:
    """Return the size on air of a format A frame with L-field `length`."""
    return length + 1 + 2 * (1 + max(0, -(-(length - 9) // 16)))


def _strip_a(raw: bytes) -> bytes | None:
    """Remove the CRCs of format A; None where one does not match."""
    parts = []
    start, size = 0, HEADER
    while start < len(raw):
        block = raw[start : min(start + size, len(raw) - 2)]
        end = start + len(block)
        if crc16(block) != int.from_bytes(raw[end : end + 2], "big"):
            return None
        parts.append(block)
        start, size = end + 2, 16
    return b"".join(parts)


def strip_b(raw: bytes) -> bytes | None:
    """Remove the CRCs of format B and correct the L-field; None where one does not match."""
    if len(raw) < HEADER + 2:
        return None
    covered = raw[:-2] if len(raw) <= 128 else raw[128:-2]
    if crc16(covered) != int.from_bytes(raw[-2:], "big"):
        return None
    if len(raw) <= 128:
        return bytes((raw[0] - 2,)) + raw[1:-2]
    if len(raw) < 131 or crc16(raw[:_FIRST_OF_TWO]) != int.from_bytes(raw[126:128], "big"):
        return None
    return bytes((raw[0] - 4,)) + raw[1:_FIRST_OF_TWO] + raw[128:-2]


def strip_crc(raw: bytes) -> LinkFrame:
    """Return the CRC-free frame; recognises formats A and B by all their CRCs, and trimmed frames.

    Up to four bytes behind a trimmed frame are cut off.
    """
    if not raw:
        raise Truncated("an empty frame")
    length = raw[0]
    if len(raw) < HEADER:
        raise Truncated(f"{len(raw)} bytes are fewer than the {HEADER} of a link header", offset=len(raw))
    if len(raw) == length + 1:
        trimmed = strip_b(raw)
        if trimmed is not None:
            return LinkFrame(trimmed, "B", "checked")
        return LinkFrame(bytes(raw), "trimmed", "unknown")
    if length >= HEADER - 1 and len(raw) == _format_a_size(length):
        trimmed = _strip_a(raw)
        if trimmed is None:
            raise BadCRC("the length fits frame format A, but a CRC does not match", offset=_bad_block(raw))
        return LinkFrame(trimmed, "A", "checked")
    if length >= HEADER - 1 and length + 1 < len(raw) <= length + 1 + _SURPLUS and not _starts_with_block(raw):
        return LinkFrame(bytes(raw[: length + 1]), "trimmed", "unknown")
    raise Truncated(
        f"L-field {length} asks for {length + 1} bytes, or {_format_a_size(length)} in format A; "
        f"there are {len(raw)}",
        offset=min(len(raw), length + 1),
    )


def _starts_with_block(raw: bytes) -> bool:
    """Tell whether the CRC of a first block follows the link header: a cut frame of format A."""
    return crc16(raw[:HEADER]) == int.from_bytes(raw[HEADER : HEADER + 2], "big")


def _bad_block(raw: bytes) -> int:
    """Return the offset of the first block of a format A frame whose CRC does not match."""
    start, size = 0, HEADER
    while start + size + 2 < len(raw):
        if crc16(raw[start : start + size]) != int.from_bytes(raw[start + size : start + size + 2], "big"):
            break
        start, size = start + size + 2, 16
    return start


def add_crc_a(frame: bytes) -> bytes:
    """Return the CRC-free `frame` as format A puts it on air."""
    blocks = [frame[:HEADER], *(frame[at : at + 16] for at in range(HEADER, len(frame), 16))]
    return b"".join(block + crc16(block).to_bytes(2, "big") for block in blocks)


def add_crc_b(frame: bytes) -> bytes:
    """Return the CRC-free `frame` as format B puts it on air; at most 252 bytes fit."""
    if len(frame) + 2 <= 128:
        body = bytes((frame[0] + 2,)) + frame[1:]
        return body + crc16(body).to_bytes(2, "big")
    body = bytes((frame[0] + 4,)) + frame[1:]
    first, second = body[:_FIRST_OF_TWO], body[_FIRST_OF_TWO:]
    return first + crc16(first).to_bytes(2, "big") + second + crc16(second).to_bytes(2, "big")


@lru_cache(maxsize=1024)
def manufacturer_letters(on_air: bytes) -> str:
    """Return the three letters of an M-field; bit 15 (address unique only locally) is left out."""
    number = int.from_bytes(on_air, "little")
    return "".join(chr(64 + (number >> shift & 31)) for shift in (10, 5, 0))


def manufacturer_bytes(letters: str) -> bytes:
    """Return the M-field for three letters, as sent on air."""
    first, second, third = (ord(letter) - 64 for letter in letters.upper())
    return (first << 10 | second << 5 | third).to_bytes(2, "little")


def address_of(on_air: bytes) -> Address:
    """Read M-field and A-field as they stand in the link header: M(2) ID(4) version type."""
    return Address(manufacturer_letters(on_air[:2]), on_air[5:1:-1].hex(), on_air[6], on_air[7])


def address_bytes(address: Address) -> bytes:
    """Return M-field and A-field of an address, as sent on air."""
    return (
        manufacturer_bytes(address.manufacturer)
        + bytes.fromhex(address.serial)[::-1]
        + bytes((address.device_version, address.device_type))
    )
