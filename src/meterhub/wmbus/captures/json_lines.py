"""JSON lines: an object a line with the frame in hex under one of the usual names, and perhaps its key.

This takes the lines that `meterhub decode -` takes, what gateways store, and logs of other programs. Readings
of wmbusmeters hold no frame; the answer says how to make it log them.
"""

import json

from meterhub.wmbus.captures.found import Outcome, Unusable
from meterhub.wmbus.captures.hex_text import parse_captured

NAMES = ("frame", "telegram", "hex", "raw", "data", "raw_data", "rawdata", "raw_telegram", "payload")


def parse(line: str) -> Outcome:
    """Return the frame of an object."""
    if not line.startswith("{"):
        return None
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        position = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        return Unusable("bad-json", f"the line starts like JSON but is none{position}")
    if not isinstance(item, dict):
        return None
    for name in NAMES:
        text = item.get(name)
        if isinstance(text, str):
            key = item.get("key")
            return parse_captured(text, key if isinstance(key, str) else None)
    if {"media", "meter", "id"} <= item.keys():
        return Unusable("no-telegram", "a reading of wmbusmeters without its telegram: log with --logtelegrams")
    return Unusable("no-telegram", f"no frame under any of the names {', '.join(NAMES)}")
