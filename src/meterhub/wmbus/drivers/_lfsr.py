"""Diehl's stream cipher (PRIOS and "real data"): a 32-bit shift register fed from key and frame."""

from functools import cache

START = 15  # bytes of the frame in front of the encrypted ones
FACTORY_KEYS = (bytes.fromhex("39BC8A10E66D83F8"), bytes.fromhex("51728910E66D83F8"))
_BYTES = range(256)


def keys_to_try(configured: bytes | None) -> tuple[bytes, ...]:
    """Return the keys that Diehl ships, and the first eight bytes of the configured one."""
    if configured is None or len(configured) < 8 or configured[:8] in FACTORY_KEYS:
        return FACTORY_KEYS
    return (*FACTORY_KEYS, configured[:8])


def decipher(frame: bytes, key: bytes) -> bytes:
    """Return the plain bytes from offset 15 on; `frame` has its address bytes in the order on air."""
    state = _word(key[:4]) ^ _word(key[4:8]) ^ _word(frame[2:6]) ^ _word(frame[6:10]) ^ _word(frame[10:14])
    first, second, third, fourth = _tables()
    plain = bytearray()
    for byte in frame[START:]:
        state = first[state & 255] ^ second[state >> 8 & 255] ^ third[state >> 16 & 255] ^ fourth[state >> 24]
        plain.append(byte ^ state & 255)
    return bytes(plain)


def _word(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _eight_steps(state: int) -> int:
    for _ in range(8):
        bit = (state >> 1 ^ state >> 2 ^ state >> 11 ^ state >> 31) & 1
        state = (state << 1 | bit) & 0xFFFFFFFF
    return state


@cache
def _tables() -> tuple[list[int], list[int], list[int], list[int]]:
    """Return what each byte of the register adds eight steps later; the register is linear."""
    first, second, third, fourth = ([_eight_steps(byte << shift) for byte in _BYTES] for shift in (0, 8, 16, 24))
    return first, second, third, fourth
