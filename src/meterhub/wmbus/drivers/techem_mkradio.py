"""Techem mk-radio 3 and 4: the register of the last set day and what was used since, in 0.1 m³.

The day of mk-radio 3's current value comes without a year: it is the first one after the set day.
"""

from decimal import Decimal

from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._packed_days import following, packed_day
from meterhub.wmbus.model import Reading

_CI, _DATED_VERSION = 0xA2, 0x74


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read the four numbers behind CI A2."""
    del key
    at = HEADER + 2
    if len(frame) < at + 8 or frame[HEADER] != _CI:
        return None
    set_day, before, today, since = (int.from_bytes(frame[n : n + 2], "little") for n in range(at, at + 8, 2))
    readings: dict[str, Reading] = {
        "total_m3": Decimal(before + since).scaleb(-1),
        "target_m3": Decimal(before).scaleb(-1),
    }
    if frame[8] == _DATED_VERSION:
        readings |= _days(set_day, today)
    return Extract(readings)


def _days(set_day: int, today: int) -> dict[str, Reading]:
    """Return both days as far as they are possible ones."""
    previous = packed_day(set_day)
    if previous is None:
        return {}
    readings: dict[str, Reading] = {"prev_date": previous.isoformat(), "target_date": previous.isoformat()}
    current = following(previous, today)
    if current is not None:
        readings["current_date"] = current.isoformat()
    return readings


DRIVER = Driver(
    name="techem-mkradio",
    detect=(match("TCH", "70 74 95", "62 72"),),
    fields=(),
    open_frame=_open,
)
