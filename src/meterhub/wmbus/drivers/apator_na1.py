"""Apator NA-1 radio module: one AES block with the register now and the one of the last month end.

The register is a mantissa of 28 bits times a power of ten. `historic_m3` is read at
`historic_datetime`, so many hours before the meter's clock.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus import security
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.model import Diagnostic, Reading, SecurityResult
from meterhub.wmbus.naming import flag_alarms

_CONTENT = (0xA0, 0xA1)
_KEY = bytes(16)
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - a meter's clock has no zone
_BITS = {
    0x01: "low_battery",
    0x02: "magnet",
    0x04: "removed",
    0x08: "leak",
    0x10: "no_flow",
    0x20: "reverse_flow",
    0x40: "overflow",
    0x80: "underflow",
}
_LATEST_YEAR = 2099


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Decrypt and read the block; the first byte is padding that nothing is known of."""
    start = HEADER + 3
    if len(frame) < start + security.BLOCK or frame[HEADER] not in _CONTENT:
        return None
    iv = frame[2:HEADER] + frame[HEADER + 1 : HEADER + 2] * 8
    plain = security.cbc_decrypt(key or _KEY, iv, frame[start : start + security.BLOCK])
    number = int.from_bytes(plain[1:5], "little")
    exponent = (number >> 4 & 3) - 3
    litres_scale = Decimal(1).scaleb(exponent)
    mantissa = (number >> 8) * 16 + (number & 15)
    now = _EPOCH + timedelta(seconds=int.from_bytes(plain[5:9], "little"))
    age = plain[9] | (plain[10] >> 2) << 8
    used = int.from_bytes(plain[11:14], "little") * 4 + (plain[10] & 3)
    if now.year > _LATEST_YEAR or used > mantissa:
        return _wrong_key(start)
    readings: dict[str, Reading] = {
        "total_m3": mantissa * litres_scale,
        "meter_datetime": now.isoformat(" ", "seconds"),
        "historic_m3": (mantissa - used) * litres_scale,
        "historic_datetime": (now - timedelta(hours=age)).isoformat(" ", "seconds"),
        "historic_age_h": age,
    }
    alarms = flag_alarms(plain[14], _BITS) + tuple(f"past_{alarm}" for alarm in flag_alarms(plain[15], _BITS))
    return Extract(readings, alarms, meter_at=now, security=SecurityResult.DECRYPTED, mode=1)


def _wrong_key(start: int) -> Extract:
    """Answer for a block that makes no sense; it has no checksum that could tell more."""
    problem = Diagnostic("driver", "key-wrong", start, "apator-na1: register and clock are impossible")
    return Extract(security=SecurityResult.KEY_WRONG, mode=1, diagnostics=(problem,))


DRIVER = Driver(
    name="apator-na1",
    detect=(match("APA", "14", "07"),),
    fields=common.REGISTER,
    open_frame=_open,
    default_key=_KEY,
)
