"""Kamstrup Multical 21: extended link layer with AES-CTR; every eighth telegram full, compact between."""

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message

_FULL_EVERY = 8
_AES_CTR = 1 << 29  # session number, bits 29-31
_SESSION_BITS = 4


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram; the session number counts minutes, so no key stream is used twice."""
    session = _AES_CTR | (reading.count << _SESSION_BITS) & 0x1FFF_FFF0
    return Message(
        link=address,
        header="none",
        key=key,
        compact=reading.count % _FULL_EVERY != 0,
        extended=ExtendedLink(ci=0x8D, access_number=reading.count & 0xFF, session=session.to_bytes(4, "little")),
        records=(
            DataRecord.of("02FF20", 0),
            DataRecord.of("0413", reading.volume_m3),
            DataRecord.of("4413", reading.month_start_m3),
            DataRecord.of("615B", 8),
            DataRecord.of("6167", 19),
        ),
    )


FAMILY = Family("kamstrup-multical21", "KAM", 0x1B, 0x16, "C1", encrypted=True, share=4, build=build)
