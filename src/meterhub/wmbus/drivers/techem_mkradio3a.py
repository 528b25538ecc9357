"""Techem mk-radio 3a: the total and twelve months of use in two halves each, in 0.1 m³, newest first."""

from decimal import Decimal

from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._packed_days import packed_day
from meterhub.wmbus.model import Reading

_CI, _FIRST_MONTH, _MONTH_BYTES = 0xA2, HEADER + 8, 3
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read date, total and as many months as the telegram has."""
    del key
    if len(frame) < _FIRST_MONTH or frame[HEADER] != _CI:
        return None
    packed = int.from_bytes(frame[HEADER + 3 : HEADER + 5], "little")
    total = int.from_bytes(frame[HEADER + 5 : _FIRST_MONTH], "little")
    readings: dict[str, Reading] = {"total_m3": Decimal(total).scaleb(-1)}
    day = packed_day(packed)
    if day is None:
        return Extract(readings)
    readings["target_date"] = day.isoformat()
    months = min(len(_MONTHS), (len(frame) - _FIRST_MONTH) // _MONTH_BYTES)
    for back in range(months):
        at = _FIRST_MONTH + _MONTH_BYTES * back
        used = Decimal(frame[at + 1] + frame[at + 2]).scaleb(-1)
        if back == 0:
            readings["target_m3"] = used
        readings[f"last_{_MONTHS[(day.month - 1 - back) % 12]}_m3"] = used
    return Extract(readings)


DRIVER = Driver(name="techem-mkradio3a", detect=(match("TCH", "50", "62 72"),), fields=(), open_frame=_open)
