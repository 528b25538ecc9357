"""BFW 240radio heat cost allocator: two counters, eighteen months of 12 bits each, and a date."""

from meterhub.wmbus import values
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.model import Reading

_CI, _CHECK = 0x7A, b"\x2f\x2f"
_CHECK_AT, _PREVIOUS_AT, _CURRENT_AT, _MONTHS_AT, _DATE_AT, _SIZE = 15, 19, 21, 25, 52, 55
_PAIR = 3


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read the block that stands where others have records; None for telegrams of another length."""
    del key
    if len(frame) != _SIZE or frame[HEADER] != _CI or frame[_CHECK_AT : _CHECK_AT + 2] != _CHECK:
        return None
    readings: dict[str, Reading] = {
        "current_hca": int.from_bytes(frame[_CURRENT_AT : _CURRENT_AT + 2], "big"),
        "prev_hca": int.from_bytes(frame[_PREVIOUS_AT : _PREVIOUS_AT + 2], "big"),
    }
    month = 0
    for at in range(_DATE_AT - _PAIR, _MONTHS_AT - 1, -_PAIR):
        older, middle, newer = frame[at : at + _PAIR]
        for number in (newer | (middle & 15) << 8, older | (middle >> 4) << 8):
            month += 1
            readings[f"prev_{month:02}_hca"] = number
    day, its_month, year = (values.bcd(frame[at : at + 1]) for at in range(_DATE_AT, _SIZE))
    if day and its_month and year is not None and day <= 31 and its_month <= 12:
        readings["device_date"] = f"20{year:02}-{its_month:02}-{day:02}"
    return Extract(readings)


DRIVER = Driver(name="bfw-240radio", detect=(match("BFW", "02", "08"),), fields=(), open_frame=_open)
