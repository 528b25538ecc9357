"""CRC-16 of EN 13757-4: polynomial 3D65, start 0000, not reflected, complemented."""

import struct
from functools import lru_cache

_POLYNOMIAL = 0x3D65


def _tables() -> tuple[list[int], list[int]]:
    """Build the tables for a byte and for a 16-bit word; the CRC is linear, so doubling does."""
    basis = []
    register = _POLYNOMIAL
    for _ in range(16):
        basis.append(register)
        register = (register << 1) ^ (_POLYNOMIAL | 0x10000 if register & 0x8000 else 0)
    table = [0]
    for bit in basis:
        table += [value ^ bit for value in table]
    return table[:256], table


_BYTE, _WORD = _tables()


@lru_cache(maxsize=512)
def _words(count: int) -> struct.Struct:
    return struct.Struct(f">{count}H")


def crc16(data: bytes) -> int:
    """Return the CRC of `data`: C2B7 for b"123456789"."""
    size = len(data)
    register = 0
    table = _WORD
    for word in _words(size >> 1).unpack_from(data):
        register = table[register ^ word]
    if size & 1:
        register = (register << 8 & 0xFF00) ^ _BYTE[register >> 8 ^ data[-1]]
    return register ^ 0xFFFF
