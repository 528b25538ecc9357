"""Qundis Qwater 5.5, and the same made as Landis & Staefa (LSE).

Storage 1 is the yearly set day, storage 17 the last month end. Short telegrams carry the month's value
alone, without a total. Walk-by telegrams put the registers into one manufacturer block, 0DFF5F.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus import values
from meterhub.wmbus.driver import Body, Driver, Extract, Field, Flags, match
from meterhub.wmbus.model import Reading

_VERSIONS = "16 17 18 19 1A 1D 36"

_BLOCK, _MARKER = "0DFF5F", 0x13
# name parts of the two kept registers, in the order sent: set day of the year, month end
_KEPT = (("target_year", "due_date"), ("target", "due_17_date"))


def _walk_by(body: Body) -> Extract | None:
    """Read the block: nine bytes, marker 13, error date, total, then date and value of year and month."""
    block = next((record.raw[1:] for record in body.records if record.dif_vif == _BLOCK), b"")
    if len(block) < 28 or block[9] != _MARKER:
        return None
    readings: dict[str, Reading] = {}
    _add_litres(readings, block[12:16], ("total_m3",))
    for at, (new, old) in zip((16, 22), _KEPT, strict=True):
        day = values.moment_text(block[at : at + 2])
        if day is not None:
            readings |= {f"{new}_date": day, old: day}
        _add_litres(readings, block[at + 2 : at + 6], (f"{new}_m3", f"{old}_m3"))
    return Extract(readings)


def _add_litres(readings: dict[str, Reading], raw: bytes, names: tuple[str, ...]) -> None:
    """Add a BCD register in litres under its names, unless it is marked as absent."""
    number = values.bcd(raw)
    if number is not None:
        readings.update(dict.fromkeys(names, common.litres(number)))


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
    reads=frozenset((_BLOCK,)),
)
