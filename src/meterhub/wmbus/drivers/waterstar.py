"""Waterstar M (DWZ, Engelmann): total, set day and fifteen monthly registers counted back from today."""

from datetime import date

from meterhub.wmbus import common_fields as common
from meterhub.wmbus import values
from meterhub.wmbus.driver import Body, Driver, Extract, Field, Flags, match
from meterhub.wmbus.model import Reading
from meterhub.wmbus.profiles import months_before

_FIRST, _LAST = 2, 16
_CLOCK, _INVALID = "046D", 0x80


def _history_dates(body: Body) -> Extract | None:
    """Give each monthly register its date: so many months before the meter's clock.

    A clock that the meter itself marks as invalid is shown all the same, with an alarm.
    """
    clock = next((record for record in body.records if record.dif_vif == _CLOCK), None)
    if clock is None:
        return None
    raw = bytes((clock.raw[0] & ~_INVALID, *clock.raw[1:]))
    now = values.moment_text(raw)
    if now is None:
        return None
    kept = [r.storage for r in body.records if r.quantity == "volume" and _FIRST <= r.storage <= _LAST]
    today = date.fromisoformat(now[:10])
    readings: dict[str, Reading] = {f"history_{n - 1}_date": months_before(today, n - 1).isoformat() for n in kept}
    if clock.value is not None:
        return Extract(readings)
    return Extract({"meter_datetime": now, **readings}, ("clock_error",))


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
