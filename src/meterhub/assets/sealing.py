"""Keys sealed under a master key with AES-256-GCM (NIST SP 800-38D). Pure.

A sealed key is `2 | id of the master key (4) | nonce (12) | tag (16) | ciphertext`; the older form, still
opened, is `1 | nonce | tag | ciphertext`. The meter's identity is authenticated with it, so that a row moved to
another meter does not open. The id tells which master key sealed it and nothing about that key.

Functions that open take all master keys an installation knows, the one that seals first.
"""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256

from Crypto.Cipher import AES

from meterhub.assets.errors import MasterKeyWrong
from meterhub.errors import BadInput

KEY_LENGTHS = (16, 8)  # AES-128, and the 8 bytes of meters from before it (PRIOS)

_WITHOUT_ID = b"\x01"
_WITH_ID = b"\x02"
_ID_SIZE = 4
_NONCE_SIZE = 12
_TAG_SIZE = 16


def parse_key(key_hex: str) -> bytes:
    """Return the bytes of a key as manufacturers write them: 32 hex digits (16 for the older kind)."""
    if any(character.isspace() for character in key_hex):
        raise BadInput("the key has blanks in it: write its hex digits together", fields={"key": "has blanks"})
    # the value itself is never repeated: it would end up in logs
    try:
        key = bytes.fromhex(key_hex)
    except ValueError:
        key = b""
    if len(key) not in KEY_LENGTHS:
        raise BadInput(
            f"a key has 32 hex digits (16 for the older kind); this one has {len(key_hex)} characters",
            fields={"key": "not 32 hex digits"},
        )
    return key


def identity(manufacturer: str, serial: str) -> str:
    """Return the name of a meter that its sealed keys are bound to."""
    return f"{manufacturer}:{serial}"


def master_id(master: bytes) -> bytes:
    """Return the 4 bytes by which a master key is told from others."""
    return hmac.digest(master, b"meterhub master key", sha256)[:_ID_SIZE]


def head_of(master: bytes) -> bytes:
    """Return the bytes that everything begins with that is sealed under a master key."""
    return _WITH_ID + master_id(master)


def sealed_under(sealed: bytes) -> str:
    """Return the id in hex of the master key that sealed this; empty where the older form does not tell."""
    return sealed[1 : 1 + _ID_SIZE].hex() if sealed[:1] == _WITH_ID else ""


def seal(master: bytes, key: bytes, meter: str) -> bytes:
    """Return a meter's key as it is stored; `meter` is its `identity`."""
    if len(key) not in KEY_LENGTHS:
        raise ValueError(f"a meter key has {KEY_LENGTHS[0]} or {KEY_LENGTHS[1]} bytes, not {len(key)}")
    head = head_of(master)
    nonce = secrets.token_bytes(_NONCE_SIZE)
    cipher = AES.new(master, AES.MODE_GCM, nonce=nonce)
    cipher.update(head + meter.encode())
    ciphertext, tag = cipher.encrypt_and_digest(key)
    return head + nonce + tag + ciphertext


def unseal(masters: Sequence[bytes], sealed: bytes, meter: str) -> bytes:
    """Return the key behind what `seal` made; MasterKeyWrong if none of the master keys opens it."""
    version = sealed[:1]
    if version == _WITHOUT_ID:
        head, candidates = b"", masters
        body = sealed[1:]
    else:
        head, body = sealed[: 1 + _ID_SIZE], sealed[1 + _ID_SIZE :]
        candidates = [master for master in masters if head_of(master) == head]
    if version not in (_WITHOUT_ID, _WITH_ID) or len(body) <= _NONCE_SIZE + _TAG_SIZE:
        raise MasterKeyWrong(f"a key of meter {meter} is stored in a form that this version does not know")
    for master in candidates:
        cipher = AES.new(master, AES.MODE_GCM, nonce=body[:_NONCE_SIZE])
        cipher.update(head + meter.encode())
        try:
            return cipher.decrypt_and_verify(
                body[_NONCE_SIZE + _TAG_SIZE :], body[_NONCE_SIZE : _NONCE_SIZE + _TAG_SIZE]
            )
        except ValueError:
            continue
    known = ", ".join(master_id(master).hex() for master in masters)
    under = f" {sealed_under(sealed)}" if head else ""
    raise MasterKeyWrong(
        f"a key of meter {meter} does not open: the master key is not the one it was stored under{under} "
        f"(known here: {known}), or the row was changed"
    )
