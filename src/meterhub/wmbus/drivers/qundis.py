"""Qundis Qwater 5.5, and the same made as Landis & Staefa (LSE).

Storage 1 is the yearly set day, storage 17 the last month end. Short telegrams carry the month's value
alone, without a total. Walk-by telegrams put the registers into one manufacturer block, 0DFF5F.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, Flags, match
from meterhub.wmbus.drivers._qundis_block import HEADER, read_block
from meterhub.wmbus.model import Reading

_VERSIONS = "16 17 18 19 1A 1D 36"

# name parts of the two kept registers: set day of the year, month end
_YEAR, _MONTH = ("target_year", "due_date"), ("target", "due_17_date")


def _walk_by(body: Body) -> Extract | None:
    """Name what a walk-by block holds; its months go back from the last month end."""
    block = read_block(body)
    if block is None or block.unit != "m3":
        return None
    readings: dict[str, Reading] = {}
    if block.total is not None:
        readings["total_m3"] = block.total
    for (new, old), (day, register) in ((_YEAR, block.year), (_MONTH, block.month)):
        if day is not None:
            readings |= {f"{new}_date": day, old: day}
        if register is not None:
            readings |= {f"{new}_m3": register, f"{old}_m3": register}
    for back, (day, register) in enumerate(block.months, 1):
        readings[f"history_{back}_date"] = day
        readings[f"consumption_at_history_{back}_m3"] = register
    return Extract(readings)


DRIVER = Driver(
    name="qundis-qwater",
    detect=(
        match("QDS", _VERSIONS, "06 07"),
        match("QDS", "33 35", "37 06 07"),
        match("LSE", _VERSIONS + " D8", "06 07"),
        match("LSE", "33 35", "37 06 07"),
    ),
    fields=(
        common.TOTAL,
        common.METER_DATETIME,
        Field("device_datetime", "datetime"),
        Field("target_m3", "volume", storage=17),
        Field("target_date", "date", storage=17),
        Field("target_year_m3", "volume", storage=1),
        Field("target_year_date", "date", storage=1),
        Field("due_date_m3", "volume", storage=1),
        Field("due_m3", "volume", storage=1),
        Field("due_date", "date", storage=1),
        Field("due_17_date_m3", "volume", storage=17),
        Field("due_17_date", "date", storage=17),
        Field("consumption_at_set_date_8_m3", "volume", storage=8),
        Field("set_date_8", "date", storage=8),
        Field("error_date", "date", function="during error"),
        Field("volume_flow_m3h", dif_vif="02BB56"),
        common.MODEL_VERSION,
    ),
    flags=(
        Flags(
            {
                0x01: "no_flow",
                0x02: "sensor_error",
                0x04: "sensor_error",
                0x08: "electronics_error",
                0x10: "low_battery",
                0x20: "electronics_error",
                0x40: "electronics_error",
                0x80: "memory_error",
                0x100: "tamper",
            },
        ),
    ),
    read_payload=_walk_by,
    reads=frozenset((HEADER,)),
)
