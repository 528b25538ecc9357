"""Axioma Qalcosonic W1: mode 7 with authentication layer and a message counter that only grows."""

from decimal import Decimal

from meterhub.simulate.meters._family import Family, Reading
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message


def build(address: Address, key: bytes | None, reading: Reading) -> Message:
    """Return one telegram: clock, total, forward, backward, flow, value at the set date."""
    return Message(
        link=address,
        mode=7,
        key=key,
        access_number=reading.count & 0xFF,
        message_counter=reading.count + 1,
        records=(
            DataRecord.of("046D", reading.clock),
            DataRecord.of("0413", reading.volume_m3),
            DataRecord.of("04933B", reading.volume_m3),
            DataRecord.of("04933C", Decimal(0)),
            DataRecord.of("023B", Decimal(0)),
            DataRecord.of("426C", reading.clock.date().replace(day=1)),
            DataRecord.of("4413", reading.month_start_m3),
        ),
    )


FAMILY = Family("axioma-qalcosonic-w1", "AXI", 0x10, 0x07, "T1", encrypted=True, share=2, build=build)
