"""Maddalena single-jet meter with built-in radio: mode 5."""

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: total, clock, value at the set date."""
    return Message(
        link=address,
        mode=5,
        key=key,
        access_number=reading.count & 0xFF,
        records=(
            DataRecord.of("0413", reading.volume_m3),
            DataRecord.of("046D", reading.clock),
            DataRecord.of("4413", reading.month_start_m3),
            DataRecord.of("426C", reading.clock.date().replace(day=1)),
        ),
    )


FAMILY = Family("maddalena-sj", "MAD", 0x01, 0x07, "T1", encrypted=True, share=1, build=build)
