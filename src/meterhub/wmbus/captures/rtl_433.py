"""rtl_433 with `-F json`: one object a line, `data` is the frame without CRCs, `mic` says that they matched."""

import json

from meterhub.wmbus.captures.found import Outcome, Unusable
from meterhub.wmbus.captures.hex_text import parse_captured


def parse(line: str) -> Outcome:
    """Return the frame of a wireless M-Bus object."""
    try:
        item = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(item, dict) or not isinstance(item.get("model"), str):
        return None
    data = item.get("data")
    if not isinstance(data, str) or "M" not in item:
        return Unusable("other-device", "rtl_433 heard a device that does not speak wireless M-Bus")
    if item.get("mic") != "CRC":
        return Unusable("receiver-crc", "rtl_433 does not say that the CRC matched")
    return parse_captured(data)
