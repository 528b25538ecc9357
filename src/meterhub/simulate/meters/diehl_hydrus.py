"""Diehl Hydrus with an own key: mode 5, BCD registers, temperature, days of battery left."""

from decimal import Decimal

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message

_BATTERY_DAYS = 4100


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: total, flow, water temperature, battery."""
    return Message(
        link=address,
        mode=5,
        key=key,
        access_number=reading.count & 0xFF,
        records=(
            DataRecord.of("0C13", reading.volume_m3),
            DataRecord.of("0B3B", Decimal(0)),
            DataRecord.of("025A", Decimal("8.5")),
            DataRecord.of("02FD74", _BATTERY_DAYS),
        ),
    )


FAMILY = Family("diehl-hydrus", "DME", 0x70, 0x07, "T1", encrypted=True, share=2, build=build)
