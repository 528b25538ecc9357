"""BMeters Hydrodigit: standard records, then a block of parts whose presence its first byte tells.

Twelve registers are kept, one a calendar month and written at its end, so each has a date.
"""

from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus import values
from meterhub.wmbus.driver import Body, Driver, Extract, match
from meterhub.wmbus.drivers._bmeters_months import SIZE, month_ends
from meterhub.wmbus.model import Diagnostic, Reading

_BATTERY, _FRAUD, _BACKFLOW, _MONTHS, _LEAK = 0x01, 0x02, 0x04, 0x10, 0x80
_SIZES = {_BATTERY: 1, _FRAUD: 4, _LEAK: 3, _BACKFLOW: 4, _MONTHS: SIZE}  # in the order sent
_VOLTS = ["1.9", "2.1", "2.2", "2.3", "2.4", "2.5", "2.65", "2.8", "2.9", "3.05", "3.2", "3.35", "3.5"]
_FULL = Decimal("3.7")
_FRAUDS = {0x80: "magnet", 0x40: "sensor_error", 0x20: "removed"}


def _block(body: Body) -> Extract | None:
    """Read the parts that are there."""
    block = body.manufacturer_data
    if not block:
        return None
    readings: dict[str, Reading] = {}
    alarms: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    at = 1
    for bit, size in _SIZES.items():
        if not block[0] & bit:
            continue
        part = block[at : at + size]
        at += size
        if len(part) < size:
            message = f"bmeters-hydrodigit: part {bit:02X} is cut off"
            problems = (Diagnostic("driver", "part-truncated", at - size, message),)
            break
        if bit == _BATTERY:
            step = part[0] & 15
            readings["voltage_v"] = Decimal(_VOLTS[step - 1]) if 1 <= step <= len(_VOLTS) else _FULL
        elif bit == _FRAUD:
            alarms += tuple(alarm for mask, alarm in _FRAUDS.items() if part[0] & mask)
            readings |= _day("fraud_date", part[1:])
        elif bit == _LEAK:
            readings |= _day("leak_date", part)
            alarms += ("leak",) if "leak_date" in readings else ()
        elif bit == _BACKFLOW:
            readings["backflow_m3"] = common.litres(int.from_bytes(part, "little"))
        else:
            readings |= month_ends(part, _clock(body))
    return Extract(readings, alarms, diagnostics=problems)


def _clock(body: Body) -> str:
    """Return the meter's clock, empty where it is not sent."""
    found = (r.value for r in body.records if r.quantity == "datetime" and r.storage == 0)
    return next((value for value in found if isinstance(value, str)), "")


def _day(name: str, raw: bytes) -> dict[str, Reading]:
    """Return a date of BCD digits, year first; nothing where it is not set."""
    digits = [values.bcd(raw[at : at + 1]) for at in range(3)]
    year, month, day = (-1 if digit is None else digit for digit in digits)
    if year < 0 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return {}
    return {name: f"20{year:02}-{month:02}-{day:02}"}


DRIVER = Driver(
    name="bmeters-hydrodigit",
    detect=(match("BMT", "13 17", "06 07"), match("BMT", "15", "07")),
    fields=common.REGISTER,
    read_payload=_block,
)
