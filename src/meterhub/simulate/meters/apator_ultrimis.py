"""Apator Ultrimis W: mode 5 with a status word."""

from decimal import Decimal

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: total, last month, backward flow, status."""
    return Message(
        link=address,
        mode=5,
        key=key,
        access_number=reading.count & 0xFF,
        records=(
            DataRecord.of("0413", reading.volume_m3),
            DataRecord.of("4413", reading.month_start_m3),
            DataRecord.of("04933C", Decimal(0)),
            DataRecord.of("03FD17", 0),
        ),
    )


FAMILY = Family("apator-ultrimis", "APA", 0x01, 0x16, "T1", encrypted=True, share=2, build=build)
