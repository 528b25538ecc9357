"""Apator E-ITN 30 heat cost allocator: CI A0, or B6 with a block of its own in front of A0."""

from decimal import Decimal

from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._packed_days import packed_day
from meterhub.wmbus.model import Reading

_CI, _PREFIXED, _SIZE = 0xA0, 0xB6, 15
_DATES = {"esb_date": 5, "current_date": 9}
_TEMPERATURES = {"temp_room_prev_avg_c": 11, "temp_room_avg_c": 13}


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read counters, dates and room temperatures (in 1/256 °C)."""
    del key
    at = HEADER
    if len(frame) > at + 1 and frame[at] == _PREFIXED:
        at += 2 + frame[at + 1]
    body = frame[at + 1 : at + 1 + _SIZE]
    if len(body) < _SIZE or frame[at] != _CI:
        return None
    readings: dict[str, Reading] = {"previous_hca": _number(body, 3), "current_hca": _number(body, 7)}
    for name, start in _DATES.items():
        day = packed_day(_number(body, start))
        if day is not None:
            readings[name] = day.isoformat()
    for name, start in _TEMPERATURES.items():
        readings[name] = Decimal(_number(body, start)) / 256
    return Extract(readings)


def _number(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 2], "little")


DRIVER = Driver(
    name="apator-eitn",
    detect=(match("APA", "04", "08"), match("APT", "04", "08")),
    fields=(),
    open_frame=_open,
)
