"""Engelmann Waterstar M: mode 7 behind an extended link layer, software version in a plain tail."""

from decimal import Decimal

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: clock, total, status, backward flow, battery voltage."""
    return Message(
        link=address,
        mode=7,
        key=key,
        access_number=reading.count & 0xFF,
        message_counter=reading.count + 1,
        extended=ExtendedLink(access_number=reading.count & 0xFF),
        records=(
            DataRecord.of("046D", reading.clock),
            DataRecord.of("0413", reading.volume_m3),
            DataRecord.of("02FD17", 0),
            DataRecord.of("04933C", Decimal(0)),
        ),
        plain_tail=(DataRecord.of("02FD0B", 0x2111),),
    )


FAMILY = Family("engelmann-waterstar", "EFE", 0x70, 0x07, "C1", encrypted=True, share=2, build=build)
