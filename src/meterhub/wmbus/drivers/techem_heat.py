"""Techem heat meters (compact V), heat cost allocators (radio 3) and smoke detectors: CI A0 to A2.

The first date is a set day; the second comes without a year and is the first such day after it.
"""

from decimal import Decimal

from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._packed_days import following, packed_day
from meterhub.wmbus.model import Reading

_CONTENT = (0xA0, 0xA1, 0xA2)
_HEAT, _ALLOCATOR = (0x43, 0xC3), 0x80
_WITH_TEMPERATURES = 0x69
_AT = HEADER + 2


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read the set day and, by device type, what stands behind it."""
    del key
    if len(frame) < _AT + 9 or frame[HEADER] not in _CONTENT:
        return None
    set_day = packed_day(_number(frame, _AT, 2))
    readings: dict[str, Reading] = {}
    if set_day is not None:
        readings = {"prev_date": set_day.isoformat(), "previous_date": set_day.isoformat()}
    if frame[9] in _HEAT:
        before, since = _number(frame, _AT + 2, 3), _number(frame, _AT + 6, 3)
        readings |= {"previous_kwh": before, "current_kwh": since, "total_kwh": before + since}
    elif frame[9] == _ALLOCATOR:
        readings |= {"previous_hca": _number(frame, _AT + 2, 2), "current_hca": _number(frame, _AT + 6, 2)}
        today = following(set_day, _number(frame, _AT + 4, 2)) if set_day is not None else None
        if today is not None:
            readings["current_date"] = today.isoformat()
        if len(frame) >= _AT + 12 and frame[8] == _WITH_TEMPERATURES:
            readings["temp_room_c"] = Decimal(_number(frame, _AT + 8, 2)).scaleb(-2)
            readings["temp_radiator_c"] = Decimal(_number(frame, _AT + 10, 2)).scaleb(-2)
    return Extract(readings)


def _number(frame: bytes, at: int, size: int) -> int:
    return int.from_bytes(frame[at : at + size], "little")


DRIVER = Driver(
    name="techem-heat",
    detect=(match("TCH", "", "43 C3 80 F0"),),
    fields=(),
    open_frame=_open,
)
