"""Line codes of EN 13757-4: Manchester (modes S and R) and 3-of-6 (mode T)."""

from meterhub.wmbus.errors import FrameError, Truncated

_SIX = (0x16, 0x0D, 0x0E, 0x0B, 0x1C, 0x19, 0x1A, 0x13, 0x2C, 0x25, 0x26, 0x23, 0x34, 0x31, 0x32, 0x29)
_NIBBLE = {symbol: nibble for nibble, symbol in enumerate(_SIX)}
_PAIR = {0b10: 0, 0b01: 1}


class CodingError(FrameError):
    """A chip sequence that the line code does not contain."""

    code = "bad-symbol"


def encode_3of6(data: bytes) -> bytes:
    """Return the chips of `data`, six a nibble, filled up to a whole byte with zeros."""
    bits = "".join(f"{_SIX[byte >> 4]:06b}{_SIX[byte & 15]:06b}" for byte in data)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def decode_3of6(chips: bytes, size: int) -> bytes:
    """Return `size` bytes from 3-of-6 chips."""
    needed = -(-size * 12 // 8)
    if len(chips) < needed:
        raise Truncated(f"{size} bytes need {needed} bytes of chips", layer="coding", offset=len(chips))
    stream = int.from_bytes(chips, "big")
    total = len(chips) * 8
    out = bytearray()
    for index in range(size):
        high = _NIBBLE.get(stream >> (total - 12 * index - 6) & 63)
        low = _NIBBLE.get(stream >> (total - 12 * index - 12) & 63)
        if high is None or low is None:
            raise CodingError("not a 3-of-6 symbol", layer="coding", offset=index)
        out.append(high << 4 | low)
    return bytes(out)


def encode_manchester(data: bytes) -> bytes:
    """Return the chips of `data`: 0 is sent as 10, 1 as 01 (EN 13757-4, mode S)."""
    bits = "".join("01" if byte >> bit & 1 else "10" for byte in data for bit in range(7, -1, -1))
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def decode_manchester(chips: bytes) -> bytes:
    """Return the bytes of Manchester chips."""
    if len(chips) % 2:
        raise Truncated("Manchester chips come in pairs of bytes", layer="coding", offset=len(chips))
    out = bytearray()
    for index in range(0, len(chips), 2):
        word = chips[index] << 8 | chips[index + 1]
        byte = 0
        for shift in range(14, -2, -2):
            bit = _PAIR.get(word >> shift & 3)
            if bit is None:
                raise CodingError("not a Manchester symbol", layer="coding", offset=index // 2)
            byte = byte << 1 | bit
        out.append(byte)
    return bytes(out)
