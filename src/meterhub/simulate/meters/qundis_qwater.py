"""Qundis Qwater 5.5 in its open variant: no encryption, BCD registers."""

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: total, value at the set date, clock; a key is not used."""
    assert key is None
    return Message(
        link=address,
        access_number=reading.count & 0xFF,
        records=(
            DataRecord.of("0C13", reading.volume_m3),
            DataRecord.of("4C13", reading.month_start_m3),
            DataRecord.of("426C", reading.clock.date().replace(day=1)),
            DataRecord.of("046D", reading.clock),
        ),
    )


FAMILY = Family("qundis-qwater", "QDS", 0x18, 0x07, "T1", encrypted=False, share=2, build=build)
