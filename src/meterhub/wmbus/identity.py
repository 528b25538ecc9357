"""What can be said about a frame without opening it: addresses for the key lookup, the fingerprint."""

from hashlib import blake2b

from meterhub.wmbus.dll import HEADER, address_of, manufacturer_bytes, strip_b
from meterhub.wmbus.model import ELL_CIS, HOP, REPEATED_ACCESS, Address

HOP_AND_REPEATED = HOP | REPEATED_ACCESS  # what a repeater changes
ELL_SIZE = {0x8C: 3, 0x8D: 9, 0x8E: 11, 0x8F: 17}
_WITH_SESSION = frozenset((0x8D, 0x8F))  # the session number stands in front of the payload's CRC
_ENCRYPTED = 0xE0  # in the last byte of the session number
_LONG_HEADER = frozenset((0x68, 0x6B, 0x6F, 0x72, 0x73, 0x75, 0x7C, 0x7E, 0x8B))
# These makers send version and type before the serial number in some of their own protocols.
SWAPPED = frozenset(manufacturer_bytes(letters) for letters in ("DME", "EWT", "HYD", "SPL"))


def swapped_address(frame: bytes) -> Address:
    """Read the link address as Diehl's own protocols order it: M(2) version type ID(4)."""
    return address_of(frame[2:4] + frame[6:10] + frame[4:6])


def long_address(header: bytes) -> Address:
    """Read the eight address bytes of a long transport header: ID(4) M(2) version type."""
    return address_of(header[4:6] + header[:4] + header[6:8])


def tpl_offset(frame: bytes) -> int:
    """Return where the transport layer starts, behind unencrypted extended and authentication layers."""
    at = HEADER
    if at < len(frame):
        at += ELL_SIZE.get(frame[at], 0)
    if at + 1 < len(frame) and frame[at] == 0x90:
        at += 2 + frame[at + 1]
    return at


def addresses(frame: bytes) -> tuple[Address, ...]:
    """Return the addresses under which a key may be filed: the transport layer's first, then the link's.

    `frame` is CRC-free. Nothing is decrypted: a long header inside an encrypted extended link layer
    is not seen.
    """
    if len(frame) < HEADER:
        return ()
    found = []
    at = tpl_offset(frame)
    if at + 9 <= len(frame) and frame[at] in _LONG_HEADER and not _ell_encrypts(frame):
        found.append(long_address(frame[at + 1 : at + 9]))
    link = address_of(frame[2:10])
    if link not in found:
        found.append(link)
    if frame[2:4] in SWAPPED:
        found.append(swapped_address(frame))
    return tuple(found)


def _ell_encrypts(frame: bytes) -> bool:
    """Tell whether the extended link layer encrypts what follows it."""
    ci = frame[HEADER]
    return ci in _WITH_SESSION and bool(frame[HEADER + ELL_SIZE[ci] - 3] & _ENCRYPTED)


def fingerprint(frame: bytes) -> int:
    """Return a signed 64-bit hash of the CRC-free frame that a repeater on the way does not change.

    One frame in 65,536 ends, as if it were of format B, in what would be its CRC. Where it came trimmed nobody can
    tell, so those bytes never count.
    """
    while frame and len(frame) == frame[0] + 1 and (shorter := strip_b(frame)) is not None:
        frame = shorter
    if len(frame) > HEADER + 1 and frame[HEADER] in ELL_CIS:
        frame = frame[:11] + bytes((frame[11] & ~HOP_AND_REPEATED,)) + frame[12:]
    return int.from_bytes(blake2b(frame, digest_size=8).digest(), "big", signed=True)
