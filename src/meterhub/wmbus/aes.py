"""AES-128 over the few blocks of a telegram, under a key that the next telegram does not share.

A cipher object of pycryptodome costs several times what two blocks cost, and one kept for each meter
would cost memory. So its C functions are called directly, without the objects around them. They are no
public interface: where a release lacks them, where CFFI is absent or where the known answer of FIPS 197
does not come out, cipher objects do the work, to the same result.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from Crypto.Cipher import AES

_KEY_SIZE = 16
_ROOM = 32 * 1024  # twice the longest message that is joined from fragments
_REFUSED = "AES-128 takes a key of 16 bytes and whole blocks, at most 32 KiB"
# FIPS 197, appendix B: key, plain block, sealed block
_KNOWN = tuple(
    bytes.fromhex(block)
    for block in (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "3243f6a8885a308d313198a2e0370734",
        "3925841d02dc09fbdc118597196a0b32",
    )
)


class Blocks(NamedTuple):
    """Encryption and decryption of whole blocks; keys and initialisation vectors have 16 bytes."""

    ecb_encrypt: Callable[[bytes, bytes], bytes]
    cbc_encrypt: Callable[[bytes, bytes, bytes], bytes]
    cbc_decrypt: Callable[[bytes, bytes, bytes], bytes]


def portable() -> Blocks:
    """Return the functions that use cipher objects."""
    return Blocks(
        lambda key, data: AES.new(key, AES.MODE_ECB).encrypt(data),
        lambda key, iv, data: AES.new(key, AES.MODE_CBC, iv).encrypt(data),
        lambda key, iv, data: AES.new(key, AES.MODE_CBC, iv).decrypt(data),
    )


def direct() -> Blocks | None:
    """Return the functions that call the library's C code directly; None where that is not possible."""
    try:
        from Crypto.Cipher import _mode_cbc, _mode_ecb
        from Crypto.Util._raw_api import ffi

        library = AES._raw_aes_lib  # noqa: SLF001 - see the module's text
        start = (AES._raw_aes_hw or (library.AES_start_operation,))[0]  # noqa: SLF001 - as above
        blocks = _direct(ffi, start, _mode_ecb.raw_ecb_lib, _mode_cbc.raw_cbc_lib)
        key, plain, sealed = _KNOWN
        right = blocks.ecb_encrypt(key, plain) == sealed == blocks.cbc_encrypt(key, bytes(16), plain)
        return blocks if right and blocks.cbc_decrypt(key, bytes(16), sealed) == plain else None
    except (ImportError, AttributeError, TypeError):
        return None


class _Room(threading.local):
    """Each thread's place for C results: a pointer to a state, and output with a view on it."""

    def __init__(self, ffi: Any) -> None:  # Any: CFFI has no types
        out = ffi.new("uint8_t[]", _ROOM)
        self.places = ffi.new("void *[1]"), out, ffi.buffer(out)


def _direct(ffi: Any, start: Any, ecb: Any, cbc: Any) -> Blocks:  # Any: CFFI has no types
    """Return the functions over a library's handles."""
    room = _Room(ffi)
    ecb_start, ecb_stop, ecb_run = ecb.ECB_start_operation, ecb.ECB_stop_operation, ecb.ECB_encrypt
    cbc_start, cbc_stop = cbc.CBC_start_operation, cbc.CBC_stop_operation

    def ecb_encrypt(key: bytes, data: bytes) -> bytes:
        state, out, view = room.places
        size = len(data)
        if len(key) != _KEY_SIZE or size > _ROOM or start(key, _KEY_SIZE, state) or ecb_start(state[0], state):
            raise ValueError(_REFUSED)
        failed = ecb_run(state[0], data, out, size)
        ecb_stop(state[0])
        if failed:
            raise ValueError(_REFUSED)
        return view[:size]  # type: ignore[no-any-return]  # CFFI has no types; a slice of a buffer is bytes

    def chained(run: Any) -> Callable[[bytes, bytes, bytes], bytes]:
        def cbc_run(key: bytes, iv: bytes, data: bytes) -> bytes:
            state, out, view = room.places
            size = len(data)
            if len(key) != _KEY_SIZE or size > _ROOM or len(iv) != _KEY_SIZE or start(key, _KEY_SIZE, state):
                raise ValueError(_REFUSED)
            if cbc_start(state[0], iv, _KEY_SIZE, state):
                raise ValueError(_REFUSED)
            failed = run(state[0], data, out, size)
            cbc_stop(state[0])
            if failed:
                raise ValueError(_REFUSED)
            return view[:size]  # type: ignore[no-any-return]  # as above

        return cbc_run

    return Blocks(ecb_encrypt, chained(cbc.CBC_encrypt), chained(cbc.CBC_decrypt))


ecb_encrypt, cbc_encrypt, cbc_decrypt = direct() or portable()
