"""Apator AT-WMBUS-16-2 radio module: registers of a tag and a fixed length behind DIF 0F.

Month-end registers come without a date; `consumption_at_history_1_m3` is the newest.
"""

from collections.abc import Iterator

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, match
from meterhub.wmbus.model import Diagnostic, Reading

_STATUS, _CHECKSUM, _PAD = 7, 2, 0xFF
_TOTAL, _DAYS, _HISTORY = 0x10, 0x43, range(0x71, 0x7D)
_SIZES = {
    0x00: 4,
    0x01: 3,
    0x10: 4,
    0x11: 2,
    0x40: 6,
    0x41: 2,
    0x42: 4,
    0x43: 2,
    0x44: 3,
    **{tag: 1 + 4 * (tag - 0x6F) for tag in _HISTORY},
    **dict.fromkeys((0x80, 0x81, 0x82, 0x83, 0x84, 0x86, 0x87), 10),
    0x85: 11,
    0x88: 11,
    0x8A: 9,
    0x8B: 6,
    0x8C: 6,
    0x8E: 7,
    0x8F: 11,
    **dict.fromkeys((0xA0, 0xA1, 0xA4), 4),
    **dict.fromkeys((0xA2, 0xA5, 0xA9, 0xAF), 1),
    0xA3: 7,
    0xA6: 3,
    **dict.fromkeys((0xA7, 0xA8, 0xAA, 0xAB, 0xAC, 0xAD), 2),
    0xB0: 5,
    0xB1: 8,
    0xB2: 16,
    0xB3: 8,
    0xB4: 2,
    0xB5: 16,
    **dict.fromkeys((*range(0xB6, 0xC8), 0xD0, 0xD3), 3),
    0xF0: 4,
}


def _registers(body: Body) -> Extract | None:
    """Read the registers up to the first tag that nobody knows."""
    block = body.manufacturer_data
    if len(block) <= _STATUS:
        return None
    readings: dict[str, Reading] = {}
    problems: list[Diagnostic] = []
    for tag, raw in _tagged(block, problems):
        if tag == _TOTAL:
            readings["total_m3"] = common.litres(int.from_bytes(raw, "little"))
        elif tag == _DAYS:
            readings["operating_time_d"] = int.from_bytes(raw, "little")
        elif tag in _HISTORY:
            for month, at in enumerate(range(1, len(raw), 4), 1):
                litres = int.from_bytes(raw[at : at + 4], "little")
                if litres:
                    readings[f"consumption_at_history_{month}_m3"] = common.litres(litres)
    return Extract(readings, diagnostics=tuple(problems))


def _tagged(block: bytes, problems: list[Diagnostic]) -> Iterator[tuple[int, bytes]]:
    """Yield tags with their bytes; an unknown tag ends the list, since its length is unknown too."""
    at, end = _STATUS, len(block) - _CHECKSUM
    while at < end and block[at] != _PAD:
        tag = block[at]
        size = _SIZES.get(tag)
        if size is None:
            problems.append(Diagnostic("driver", "tag-unknown", at, f"apator-162: tag {tag:02X} is not known"))
            return
        if at + 1 + size > len(block):
            problems.append(Diagnostic("driver", "tag-truncated", at, f"apator-162: tag {tag:02X} is cut off"))
            return
        yield tag, block[at + 1 : at + 1 + size]
        at += 1 + size


DRIVER = Driver(
    name="apator-162",
    detect=(match("APA", "05", "06 07"),),
    fields=common.REGISTER,
    read_payload=_registers,
    default_key=bytes(16),
)
