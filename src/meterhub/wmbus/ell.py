"""Extended link layer of EN 13757-4, types I to IV (CI 8C, 8D, 8E, 8F); type V is only recognised."""

from dataclasses import dataclass

from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.identity import ELL_SIZE, HOP_AND_REPEATED
from meterhub.wmbus.security import ctr_crypt

VARIABLE = 0x86  # CI of type V
_WITH_PAYLOAD_CRC = (0x8D, 0x8F)
_WITH_PARTNER = (0x8E, 0x8F)


@dataclass(frozen=True, slots=True)
class ELLHeader:
    """Fields of an extended link layer; `session` is empty for the types without encryption."""

    ci: int
    cc: int
    access_number: int
    partner: bytes = b""
    session: bytes = b""

    @property
    def encryption(self) -> int:
        """Return the encryption field of the session number: 0 none, 1 AES-128-CTR."""
        return self.session[3] >> 5 if self.session else 0


def parse(frame: bytes, at: int) -> ELLHeader:
    """Read the header at `at`; IndexError where the frame ends first."""
    ci = frame[at]
    if len(frame) < at + ELL_SIZE[ci]:
        raise IndexError(at)
    partner, end = b"", at + 3
    if ci in _WITH_PARTNER:
        partner, end = frame[end : end + 8], end + 8
    session = frame[end : end + 4] if ci in _WITH_PAYLOAD_CRC else b""
    return ELLHeader(ci, frame[at + 1], frame[at + 2], partner, session)


def counters(frame: bytes, header: ELLHeader) -> tuple[bytes, ...]:
    """Return the initial counters to try: sources disagree whose address type IV uses."""
    tail = bytes((header.cc & ~HOP_AND_REPEATED,)) + header.session + bytes(3)
    own = frame[2:HEADER] + tail
    return (own, header.partner + tail) if header.partner else (own,)


def crc_matches(protected: bytes) -> bool:
    """Check the payload CRC, which leads the bytes it covers, low byte first."""
    return len(protected) > 2 and crc16(protected[2:]) == int.from_bytes(protected[:2], "little")


def open_payload(frame: bytes, at: int, header: ELLHeader, key: bytes | None) -> tuple[bytes, bool] | None:
    """Return the plain bytes behind the payload CRC and whether the key was needed; None if they stay closed.

    A byte too many at the end (a receiver's signal strength) is tolerated.
    """
    protected = frame[at + ELL_SIZE[header.ci] - 2 :]
    if header.encryption == 1 and key is not None:
        for counter in counters(frame, header):
            plain = ctr_crypt(key, counter, protected)
            for candidate in (plain, plain[:-1]):
                if crc_matches(candidate):
                    return candidate[2:], True
    for candidate in (protected, protected[:-1]):
        if crc_matches(candidate):
            return candidate[2:], False
    return None


def build(header: ELLHeader, link: bytes, rest: bytes, key: bytes | None = None) -> bytes:
    """Return the layer with everything that follows it; `link` is the address part of the link header."""
    head = bytes((header.ci, header.cc, header.access_number)) + header.partner + header.session
    if header.ci not in _WITH_PAYLOAD_CRC:
        return head + rest
    protected = crc16(rest).to_bytes(2, "little") + rest
    if header.encryption == 1:
        if key is None:
            raise ValueError("an encrypted extended link layer needs a key")
        protected = ctr_crypt(key, counters(bytes(2) + link, header)[0], protected)
    return head + protected
