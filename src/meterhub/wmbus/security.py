"""Security modes of OMS Volume 2 and EN 13757-7: AES-CBC (5, 7), AES-CTR of the extended link layer, CMAC."""

from hmac import compare_digest
from typing import NamedTuple

from meterhub.wmbus.aes import cbc_decrypt, cbc_encrypt, ecb_encrypt

BLOCK = 16
KEY_SIZE = 16
_ZERO = bytes(BLOCK)
_MASK = (1 << 128) - 1


def ctr_crypt(key: bytes, counter: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt with AES-128-CTR, the counter growing as one 128-bit number."""
    size = len(data)
    first = int.from_bytes(counter, "big")
    count = -(-size // BLOCK)
    blocks = b"".join([((first + n) & _MASK).to_bytes(BLOCK, "big") for n in range(count)])
    stream = ecb_encrypt(key, blocks)[:size]
    return (int.from_bytes(stream, "big") ^ int.from_bytes(data, "big")).to_bytes(size, "big")


def _doubled(block: int) -> int:
    """Return the subkey step of RFC 4493: times x in GF(2^128)."""
    return (block << 1 & _MASK) ^ (0x87 if block >> 127 else 0)


def cmac(key: bytes, message: bytes) -> bytes:
    """Return the AES-CMAC (RFC 4493) of a message."""
    subkey = _doubled(int.from_bytes(ecb_encrypt(key, _ZERO), "big"))
    size = len(message)
    if size and size % BLOCK == 0:
        padded = int.from_bytes(message, "big") ^ subkey
    else:
        size += BLOCK - size % BLOCK
        padded = int.from_bytes((message + b"\x80").ljust(size, b"\0"), "big") ^ _doubled(subkey)
    return cbc_encrypt(key, _ZERO, padded.to_bytes(size, "big"))[-BLOCK:]


class SessionKeys(NamedTuple):
    """Ephemeral keys of one mode 7 telegram."""

    encryption: bytes
    mac: bytes


def session_keys(key: bytes, counter: bytes, serial: bytes) -> SessionKeys:
    """Derive the keys of a telegram from meter to collector (OMS Volume 2, 9.6.2 KDF A).

    `counter` (4 bytes) and `serial` (4 bytes) are as on air. The message is one full block, so
    its CMAC is one encryption.
    """
    tail = int.from_bytes(counter + serial + b"\7\7\7\7\7\7\7", "big")
    first = tail ^ _doubled(int.from_bytes(ecb_encrypt(key, _ZERO), "big"))
    both = ecb_encrypt(key, (first << 128 | first ^ 1 << 120).to_bytes(2 * BLOCK, "big"))
    return SessionKeys(both[:BLOCK], both[BLOCK:])


def mac_matches(key: bytes, message: bytes, mac: bytes) -> bool:
    """Compare a truncated CMAC in constant time."""
    return compare_digest(cmac(key, message)[: len(mac)], mac)


__all__ = [
    "BLOCK",
    "KEY_SIZE",
    "SessionKeys",
    "cbc_decrypt",
    "cbc_encrypt",
    "cmac",
    "ctr_crypt",
    "mac_matches",
    "session_keys",
]
