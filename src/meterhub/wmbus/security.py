"""Security modes of OMS Volume 2 and EN 13757-7: AES-CBC (5, 7), AES-CTR of the extended link layer, CMAC.

Cipher objects with their key schedule are kept in bounded caches. Only the block cipher itself comes
from the library; chaining two or three blocks is an exclusive-or of integers.
"""

from hmac import compare_digest
from typing import NamedTuple

from Crypto.Cipher import AES

from meterhub.wmbus.kept import Kept

BLOCK = 16
KEY_SIZE = 16
_ZERO = bytes(BLOCK)
_MASK = (1 << 128) - 1
_KEYS = 65536  # a cipher object takes less than a kilobyte

_cipher = Kept(lambda key: AES.new(key, AES.MODE_ECB), _KEYS)


def cbc_decrypt(key: bytes, iv: bytes, data: bytes, *, once: bool = False) -> bytes:
    """Decrypt whole blocks with AES-128-CBC; a key that is used `once` is not worth keeping."""
    size = len(data)
    cipher = AES.new(key, AES.MODE_ECB) if once else _cipher(key)
    blocks = bytearray(size)
    cipher.decrypt(data, blocks)
    chain = int.from_bytes(iv + data[: size - BLOCK], "big")
    return (int.from_bytes(blocks, "big") ^ chain).to_bytes(size, "big")


def cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks with AES-128-CBC."""
    return AES.new(key, AES.MODE_CBC, iv).encrypt(data)


def ctr_crypt(key: bytes, counter: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt with AES-128-CTR, the counter growing as one 128-bit number."""
    size = len(data)
    first = int.from_bytes(counter, "big")
    count = -(-size // BLOCK)
    blocks = b"".join(((first + n) & _MASK).to_bytes(BLOCK, "big") for n in range(count))
    stream = _cipher(key).encrypt(blocks)[:size]
    return (int.from_bytes(stream, "big") ^ int.from_bytes(data, "big")).to_bytes(size, "big")


def _doubled(block: int) -> int:
    """Return the subkey step of RFC 4493: times x in GF(2^128)."""
    return (block << 1 & _MASK) ^ (0x87 if block >> 127 else 0)


_first_subkey = Kept(lambda key: _doubled(int.from_bytes(_cipher(key).encrypt(_ZERO), "big")), _KEYS)


def cmac(key: bytes, message: bytes) -> bytes:
    """Return the AES-CMAC (RFC 4493) of a message, under a key that is used once."""
    chain = AES.new(key, AES.MODE_CBC, _ZERO)
    start = chain.encrypt(_ZERO)
    subkey = _doubled(int.from_bytes(start, "big"))
    size = max(BLOCK, -(-len(message) // BLOCK) * BLOCK)
    if len(message) == size:
        padded = int.from_bytes(message, "big") ^ subkey
    else:
        padded = int.from_bytes((message + b"\x80").ljust(size, b"\0"), "big") ^ _doubled(subkey)
    # the chain already holds E(0); taking it off the first block starts the MAC from zero
    padded ^= int.from_bytes(start, "big") << 8 * (size - BLOCK)
    return chain.encrypt(padded.to_bytes(size, "big"))[-BLOCK:]


class SessionKeys(NamedTuple):
    """Ephemeral keys of one mode 7 telegram."""

    encryption: bytes
    mac: bytes


def session_keys(key: bytes, counter: bytes, serial: bytes) -> SessionKeys:
    """Derive the keys of a telegram from meter to collector (OMS Volume 2, 9.6.2 KDF A).

    `counter` (4 bytes) and `serial` (4 bytes) are as on air. The message is one full block, so
    its CMAC is one encryption.
    """
    tail = counter + serial + bytes((7,)) * 7
    subkey = _first_subkey(key)
    message = b"\0" + tail
    mask = (subkey << 128 | subkey) ^ (int.from_bytes(message, "big") << 128 | int.from_bytes(b"\1" + tail, "big"))
    both = _cipher(key).encrypt(mask.to_bytes(2 * BLOCK, "big"))
    return SessionKeys(both[:BLOCK], both[BLOCK:])


def mac_matches(key: bytes, message: bytes, mac: bytes) -> bool:
    """Compare a truncated CMAC in constant time."""
    return compare_digest(cmac(key, message)[: len(mac)], mac)
