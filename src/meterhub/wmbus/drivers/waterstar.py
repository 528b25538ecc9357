"""Waterstar M (DWZ, Engelmann): total, set day and fifteen monthly registers counted back from today."""

from datetime import date

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, Flags, match
from meterhub.wmbus.profiles import months_before

_FIRST, _LAST = 2, 16


def _history_dates(body: Body) -> Extract | None:
    """Give each monthly register its date: so many months before the meter's clock."""
    now = next((r.value for r in body.records if r.quantity == "datetime" and r.storage == 0), None)
    kept = [r.storage for r in body.records if r.quantity == "volume" and _FIRST <= r.storage <= _LAST]
    if not isinstance(now, str):
        return None
    today = date.fromisoformat(now[:10])
    return Extract({f"history_{n - 1}_date": months_before(today, n - 1).isoformat() for n in kept})


DRIVER = Driver(
    name="waterstar-m",
    detect=(match("DWZ", "00 02", "06 07"), match("EFE", "03 70", "07")),
    fields=(
        *common.REGISTER,
        common.TOTAL_BACKWARD,
        Field("total_backwards_m3", "volume", qualifiers=("backward",)),
        Field("meter_version", "model version"),
        common.PARAMETER_SET,
        common.BATTERY_VOLTAGE,
        Field("set_date", "date", storage=1),
        Field("consumption_at_set_date_m3", "volume", storage=1),
        Field("total_backwards_at_set_date_m3", "volume", storage=1, qualifiers=("backward",)),
        common.history(first=_FIRST, last=_LAST, unset=True),
    ),
    flags=(
        Flags(
            {
                0x01: "software_error",
                0x02: "memory_error",
                0x04: "sensor_error",
                0x08: "measuring_error",
                0x10: "low_battery",
                0x20: "tamper",
                0x40: "leak",
                0x80: "reverse_flow",
                0x100: "overload",
            }
        ),
    ),
    read_payload=_history_dates,
)
