"""Engelmann FAW: the reporting day and the registers of the last fifteen month ends.

Short telegrams have neither clock nor running total; with the clock each register has its date.
"""

from datetime import date, timedelta

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, Flags, match
from meterhub.wmbus.profiles import months_before

_FIRST, _LAST = 2, 16
_CLOCK = "046D"


def _month_ends(body: Body) -> Extract | None:
    """Date each register: storage 2 is the last month end before the meter's clock."""
    now = next((record.value for record in body.records if record.dif_vif == _CLOCK), None)
    if not isinstance(now, str):
        return None
    newest = date.fromisoformat(now[:10]).replace(day=1) - timedelta(days=1)
    kept = [r.storage for r in body.records if r.quantity == "volume" and _FIRST <= r.storage <= _LAST]
    return Extract({f"history_{n - 1}_date": months_before(newest, n - _FIRST).isoformat() for n in kept})


DRIVER = Driver(
    name="engelmann-faw",
    detect=(match("EFE", "00", "07"),),
    fields=(
        *common.REGISTER,
        Field("reporting_date", "date", storage=1),
        Field("consumption_at_reporting_date_m3", "volume", storage=1),
        Field("consumption_{n}_months_ago_m3", "volume", storage=range(_FIRST, _LAST + 1), shift=-1),
    ),
    flags=(
        Flags(
            {
                0x01: "sensor_error",
                0x02: "reset",
                0x04: "memory_error",
                0x08: "removed",
                0x10: "magnet",
                0x20: "leak",
                0x40: "blocked",
                0x80: "reverse_flow",
            }
        ),
    ),
    read_payload=_month_ends,
    reads=frozenset((_CLOCK,)),
)
