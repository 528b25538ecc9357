"""Obsolete protection of EN 13757-3: DES-CBC (modes 2 and 3) and AES-CBC with a static vector (mode 4).

Meters of the 2000s still send it. It does not withstand an attacker, so nothing is opened unless the caller
consents by passing a `Legacy`. Of mode 3's vector and of how DES lengths are announced there are descriptions
but no published telegrams.

A wrong date in mode 3's vector changes just two bytes of the first block, and the leading fillers do not show
it. So a telegram of that mode is believed only if the clock it carries has the same date.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from Crypto.Cipher import DES
from Crypto.Cipher._mode_cbc import CbcMode

from meterhub.wmbus import values
from meterhub.wmbus.aes import cbc_decrypt, cbc_encrypt
from meterhub.wmbus.records import parse

MODES = frozenset((2, 3, 4))
_DES_BLOCK, _AES_BLOCK = 8, 16


@dataclass(frozen=True, slots=True)
class Legacy:
    """Consent to open obsolete protection; `on` is the day of reception, which mode 3 needs.

    Mode 3 mixes the meter's date into its vector, so the days before and after `on` are tried too.
    """

    on: date | None = None


def key_size(mode: int) -> int:
    """Return the size of a mode's keys: DES has 8 bytes."""
    return 16 if mode == 4 else 8


def encrypted_size(mode: int, configuration: int, available: int) -> int:
    """Return how many bytes are encrypted: announced in bytes for DES, in blocks for AES; 0 means all."""
    if mode == 4:
        return (configuration >> 4 & 15) * _AES_BLOCK or available // _AES_BLOCK * _AES_BLOCK
    return (configuration & 0xFF) // _DES_BLOCK * _DES_BLOCK or available // _DES_BLOCK * _DES_BLOCK


def vectors(mode: int, meter: bytes, on: date | None) -> Iterator[tuple[bytes, date | None]]:
    """Yield initialisation vectors to try, with the date in them; `meter` is M(2) ID(4) version type."""
    if mode == 4:
        yield bytes(_AES_BLOCK), None
    elif mode == 2:
        yield bytes(_DES_BLOCK), None
    elif on is not None:
        for days in (0, -1, 1):
            day = on + timedelta(days)
            yield meter[2:6] + meter[:2] + date_bytes(day), day


def proves(plain: bytes, day: date) -> bool:
    """Tell whether decrypted records carry the meter's clock, and it shows this day."""
    clocks = (
        values.moment(item.raw)
        for item in parse(plain).items
        if item.header.quantity == "datetime" and not item.header.storage
    )
    return any(isinstance(when, datetime) and when.date() == day for when in clocks)


def date_bytes(day: date) -> bytes:
    """Return a date as type G of EN 13757-3."""
    year = day.year % 100
    return bytes((year << 5 & 0xE0 | day.day, year << 1 & 0xF0 | day.month))


def _des(key: bytes, vector: bytes) -> CbcMode:
    cipher = DES.new(key, DES.MODE_CBC, vector)  # noqa: S304 - what these meters send, read only with consent
    assert isinstance(cipher, CbcMode)
    return cipher


def decrypt(mode: int, key: bytes, vector: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks."""
    if mode == 4:
        return cbc_decrypt(key, vector, data)
    return _des(key, vector).decrypt(data)


def encrypt(mode: int, key: bytes, vector: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks."""
    if mode == 4:
        return cbc_encrypt(key, vector, data)
    return _des(key, vector).encrypt(data)
