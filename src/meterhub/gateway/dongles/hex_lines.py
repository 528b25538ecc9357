"""Lines of hex, as other receivers' logs hold them: one frame a line, with link-layer CRCs or without.

`_`, `|`, `:` and blanks are ignored; `telegram=|HEX|+SECONDS` is understood, its time offset is not used.

Checklist: from public log formats; for a receiver that meterhub does not know and that can print hex.
"""

import re

from meterhub.gateway.dongle import ReceivedFrame
from meterhub.gateway.text_source import text_source_model
from meterhub.wmbus import FrameError, strip_crc

_LOGGED = re.compile(r"telegram=\|(?P<hex>[^+]*)\|(\+\d+)?")
_IGNORED = str.maketrans("", "", "_|: \t")


def parse(line: str) -> ReceivedFrame | None:
    """Return the frame of a line; None for an empty one or a comment."""
    if line.startswith("#"):
        return None
    logged = _LOGGED.fullmatch(line)
    digits = (logged["hex"] if logged else line).translate(_IGNORED)
    if not digits:
        return None
    try:
        return ReceivedFrame(strip_crc(bytes.fromhex(digits)).frame)
    except FrameError as error:
        raise ValueError(str(error)) from error


DONGLE = text_source_model("hex_lines", "lines of hex", parse)
