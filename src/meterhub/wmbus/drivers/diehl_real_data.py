"""Diehl "real data": standard records behind a short header, enciphered, with a sum of bytes as check.

The address is sent in Diehl's order, version and type first. Some modules send the records unenciphered.
Water (Hydrus) and heat meters (Sharky) use it.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers import generic, hydrus
from meterhub.wmbus.drivers._lfsr import START, decipher, keys_to_try
from meterhub.wmbus.model import SecurityResult
from meterhub.wmbus.records import parse

_SHORT_HEADER, _MANUFACTURER_MODE, _SUM_BITS = 0x7A, 0x10, 0xEF
_OWN = {field.name for field in hydrus.DRIVER.fields}


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Return the records of a frame; None where it is in another protocol or no key opens it."""
    if len(frame) <= START or frame[HEADER] != _SHORT_HEADER or not frame[14] & _MANUFACTURER_MODE:
        return None
    mode, body = frame[14] & 0x1F, frame[START:]
    if not parse(body).diagnostics:
        return Extract(payload=body, mode=mode)
    for candidate in keys_to_try(key):
        plain = decipher(frame, candidate)
        if (sum(plain) ^ frame[14]) & _SUM_BITS == 0 and not parse(plain).diagnostics:
            return Extract(payload=plain, security=SecurityResult.DECRYPTED, mode=mode)
    return None


DRIVER = Driver(
    name="diehl-real-data",
    detect=(
        match("DME", "70 76", "06 07 16", swapped=True),
        match("HYD", "24", "07", swapped=True),
        match("HYD", "8B", "06 07", swapped=True),
        match("HYD", "", "04 0C 0D", swapped=True),
    ),
    fields=(
        common.TARGET,
        *hydrus.DRIVER.fields,
        *(field for field in generic.DRIVER.fields if field.name not in _OWN),
    ),
    open_frame=_open,
)
