"""Zenner Minomess behind its EDC radio module; the module's alarms come in record 02FD17."""

from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, Flags, match
from meterhub.wmbus.drivers._dated_profiles import PROFILE_HEADERS, profile_history
from meterhub.wmbus.model import Reading, Value


def _unless_unset(value: Value) -> Reading | None:
    """Return a register; the BCD digits 80000000 stand for none."""
    return None if value == Decimal(80000) else value


DRIVER = Driver(
    name="zenner-minomess",
    detect=(match("ZRI", "00", "07"), match("ZRI", "01", "06 16")),
    fields=(
        common.TOTAL,
        common.METER_DATE,
        common.METER_DATETIME,
        Field("target_m3", "volume", storage=8, convert=_unless_unset),
        Field("target_date", "date", storage=8),
    ),
    flags=(
        Flags(
            {
                0x8000: "burst",
                0x4000: "removed",
                0x2000: "leak",
                0x1000: "past_reverse_flow",
                0x0800: "reverse_flow",
                0x0400: "past_blocked",
                0x0200: "undersized",
                0x0100: "oversized",
                0x0080: "past_removed",
                0x0040: "past_tamper",
                0x0020: "past_leak",
                0x0010: "temporary_error",
                0x0008: "permanent_error",
                0x0004: "low_battery",
                0x0002: "abnormal",
            },
            ignored=0x0001,
        ),
    ),
    read_payload=profile_history,
    reads=PROFILE_HEADERS,
    status={0x20: "past_leak", 0x40: "past_tamper", 0x80: "past_removed"},
)
