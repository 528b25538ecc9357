"""Diehl "real data": standard records behind a short header, enciphered, with a sum of bytes as check.

The address is sent in Diehl's order, version and type first. Some modules send the records unenciphered.
"""

from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Extract
from meterhub.wmbus.drivers._lfsr import START, decipher, keys_to_try
from meterhub.wmbus.identity import swapped_address
from meterhub.wmbus.model import SecurityResult
from meterhub.wmbus.records import parse

_SHORT_HEADER, _MANUFACTURER_MODE, _SUM_BITS = 0x7A, 0x10, 0xEF


def open_real_data(frame: bytes, key: bytes | None) -> Extract | None:
    """Return the records of a frame; None where it is in another protocol or no key opens it."""
    if len(frame) <= START or frame[HEADER] != _SHORT_HEADER or not frame[14] & _MANUFACTURER_MODE:
        return None
    mode, meter = frame[14] & 0x1F, swapped_address(frame)
    body = frame[START:]
    if not parse(body).diagnostics:
        return Extract(payload=body, mode=mode, meter=meter)
    for candidate in keys_to_try(key):
        plain = decipher(frame, candidate)
        if (sum(plain) ^ frame[14]) & _SUM_BITS == 0 and not parse(plain).diagnostics:
            return Extract(payload=plain, security=SecurityResult.DECRYPTED, mode=mode, meter=meter)
    return None
