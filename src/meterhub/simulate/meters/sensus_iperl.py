"""Sensus iPERL: short header, mode 5."""

from decimal import Decimal

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: total and highest flow."""
    return Message(
        link=address,
        mode=5,
        key=key,
        access_number=reading.count & 0xFF,
        records=(DataRecord.of("0413", reading.volume_m3), DataRecord.of("023B", Decimal("0.123"))),
    )


FAMILY = Family("sensus-iperl", "SEN", 0x68, 0x07, "T1", encrypted=True, share=3, build=build)
