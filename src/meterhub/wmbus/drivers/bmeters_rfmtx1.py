"""BMeters RFM-TX1 radio module: total and clock at fixed places, hidden by a table and the access number.

The bytes behind the clock look like Hydrodigit's twelve month registers; they are read where they fit
the total: each at most as large, and rising from the oldest to the newest.
"""

from datetime import datetime
from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus import values
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._bmeters_months import SIZE, month_ends
from meterhub.wmbus.model import Diagnostic, Reading, SecurityResult

_CONFIGURATION = b"\x06\x10"
_MODE = 0x10
_TOTAL, _CLOCK, _MONTHS = 17, 28, 34
_TABLES = tuple(
    bytes.fromhex(row)
    for row in (
        "7A70B97907329CB40AF0160C4A77BD39",
        "10130B079AA17EC4CE0598C9482E786F",
        "1A228E4ACB39608019A5117DE48A5728",
        "0A139916690E99A303865EA21FE88C05",
    )
)


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read a telegram with the module's own configuration field; others are read as usual."""
    del key
    if len(frame) < _TOTAL + 4 or frame[HEADER] != 0x7A or frame[13:15] != _CONFIGURATION:
        return None
    mask = frame[11]
    hidden = frame[_TOTAL : _TOTAL + 4]
    digits = bytes(byte ^ mask ^ row[mask & 15] for byte, row in zip(hidden, _TABLES, strict=True))
    total = values.bcd(digits)
    if total is None or total < 0:
        problem = Diagnostic("driver", "digits-invalid", _TOTAL, "bmeters-rfmtx1: the total is not of digits")
        return Extract(security=SecurityResult.UNSUPPORTED, mode=_MODE, diagnostics=(problem,))
    readings: dict[str, Reading] = {"total_m3": common.litres(total)}
    clock = _clock(frame[_CLOCK : _CLOCK + 6])
    if clock is not None:
        readings["meter_datetime"] = clock.isoformat(" ")
        readings |= _history(frame[_MONTHS:], clock, common.litres(total))
    return Extract(readings, meter_at=clock, security=SecurityResult.DECRYPTED, mode=_MODE)


def _clock(raw: bytes) -> datetime | None:
    """Return the clock of BCD digits, seconds first; None where it is cut off or impossible."""
    numbers = [values.bcd(raw[at : at + 1]) for at in range(len(raw))]
    if len(numbers) < 6 or None in numbers:
        return None
    second, minute, hour, day, month, year = (number or 0 for number in numbers)
    try:
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - a meter's clock
    except ValueError:
        return None


def _history(raw: bytes, clock: datetime, total: Decimal) -> dict[str, Reading]:
    """Return the month registers if the bytes can be such."""
    if len(raw) < SIZE:
        return {}
    found = month_ends(raw[:SIZE], clock.isoformat())
    dated = sorted(
        (str(day), found[name.replace("_date", "_m3")]) for name, day in found.items() if name.endswith("_date")
    )
    registers = [number for _, number in dated if isinstance(number, Decimal)]
    rising = all(older <= newer for older, newer in zip(registers, [*registers[1:], total], strict=True))
    return found if registers and rising else {}


DRIVER = Driver(
    name="bmeters-rfmtx1",
    detect=(match("BMT", "05", "07"),),
    fields=common.REGISTER,
    open_frame=_open,
)
