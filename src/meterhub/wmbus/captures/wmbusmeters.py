"""Logs of wmbusmeters with `logtelegrams`, and its simulation files: `telegram=|HEX|+SECONDS` anywhere in a line.

What wmbusmeters had decrypted before it logged it is plain in the log.
"""

import re

from meterhub.wmbus.captures.found import Outcome
from meterhub.wmbus.captures.hex_text import parse_captured

_LOGGED = re.compile(r"telegram=\|(?P<hex>[^+]*)\|")


def parse(line: str) -> Outcome:
    """Return the frame of a log line."""
    logged = _LOGGED.search(line)
    return None if logged is None else parse_captured(logged["hex"])
