"""The X.25 checksum (CRC-16/IBM-SDLC) that IMST dongles put on their serial messages."""

_POLYNOMIAL = 0x8408


def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        value = entry
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


_TABLE = _table()


def x25(data: bytes) -> int:
    """Return the checksum of `data` (reflected 0x8408, initial value and final XOR 0xFFFF).

    >>> hex(x25(b"123456789"))
    '0x906e'
    """
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFF
