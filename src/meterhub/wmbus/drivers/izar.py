"""Diehl IZAR radio modules with the PRIOS protocol, also sold by Sappel (SAP) and as Hydrometer (HYD).

Sappel's version and type bytes are letters of the printed serial number; such a meter is known as
version 00, type 07. The other makers send version and type before the serial number. The protocol has
no checksum: the first plain byte, 4B, tells that the key was right.
"""

from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus import values
from meterhub.wmbus.dll import HEADER, address_of
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._lfsr import START, decipher, keys_to_try
from meterhub.wmbus.identity import swapped_address
from meterhub.wmbus.model import Address, Reading, SecurityResult

_CONTENT = frozenset((0x71, *range(0xA0, 0xA8), *range(0xB1, 0xB4)))
_MARKER, _OWN_MODE = 0x4B, 1
_SAPPEL = "SAP"
# frame bytes 11 to 13, most significant first
_ALARMS = {
    0x800000: "abnormal",
    0x008000: "leak",
    0x004000: "past_leak",
    0x002000: "blocked",
    0x000080: "reverse_flow",
    0x000040: "underflow",
    0x000020: "overflow",
    0x000010: "submerged",
    0x000008: "tamper",
    0x000004: "past_tamper",
    0x000002: "tamper",
    0x000001: "past_tamper",
}


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Decipher a PRIOS telegram; None for a telegram that is none or that no key opens."""
    if len(frame) < START + 9 or frame[HEADER] not in _CONTENT:
        return None
    for candidate in keys_to_try(key):
        plain = decipher(frame, candidate)
        if plain[0] == _MARKER:
            meter = _meter(frame)
            readings = _registers(plain) | _header(frame)
            if meter.manufacturer == _SAPPEL:
                readings |= _printed_serial(frame)
            flags = int.from_bytes(frame[11:14], "big")
            alarms = tuple(alarm for bit, alarm in _ALARMS.items() if flags & bit)
            return Extract(readings, alarms, meter, security=SecurityResult.DECRYPTED, mode=_OWN_MODE)
    return None


def _meter(frame: bytes) -> Address:
    link = address_of(frame[2:HEADER])
    return Address(_SAPPEL, link.serial, 0, 7) if link.manufacturer == _SAPPEL else swapped_address(frame)


def _registers(plain: bytes) -> dict[str, Reading]:
    """Read total and last month's register in litres, and the date of the latter where it is sent."""
    last_month = common.litres(int.from_bytes(plain[5:9], "little"))
    readings: dict[str, Reading] = {
        "total_m3": common.litres(int.from_bytes(plain[1:5], "little")),
        "target_m3": last_month,
        "last_month_total_m3": last_month,
    }
    day = values.moment_text(plain[9:11]) if len(plain) >= 11 else None
    if day is not None:
        readings |= {"target_date": day, "last_month_measure_date": day}
    return readings


def _header(frame: bytes) -> dict[str, Reading]:
    """Read battery (half-years left) and sending period, which are not encrypted."""
    battery = Decimal(frame[12] & 0x1F) / 2
    return {
        "battery_y": battery,
        "remaining_battery_life_y": battery,
        "transmit_period_s": 1 << (frame[11] & 15) + 2,
    }


def _printed_serial(frame: bytes) -> dict[str, Reading]:
    """Return what is printed on the meter: letters, year of manufacture and number."""
    number = int.from_bytes(frame[4:8], "little") & 0x3FFFFFF
    year, serial = divmod(number, 1_000_000)
    letters = ((frame[9] & 15) << 1 | frame[8] >> 7, frame[8] >> 2 & 31, (frame[8] & 3) << 3 | frame[7] >> 5)
    maker, model, variant = (chr(64 + letter) for letter in letters)
    return {
        "prefix": f"{maker}{year:02}{model}{variant}",
        "serial_number": f"{serial:06}",
        "manufacture_year": f"20{year:02}",
    }


DRIVER = Driver(
    name="diehl-izar",
    detect=(
        match(_SAPPEL),
        match("DME", "78", "06 07", swapped=True),
        match("HYD", "85 86", "07", swapped=True),
    ),
    fields=(*common.REGISTER, common.BATTERY),
    open_frame=_open,
)
