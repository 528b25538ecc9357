"""rtl_433 with `-F json`: one JSON object a line; `data` is the frame without CRCs, `mic` tells they matched.

Checklist: keys from public notes; objects of other devices are passed over; the strength rtl_433 prints is
relative to full scale, not dBm, and is left out; run it with `--device "exec:rtl_433 -F json …"`.
"""

import json

from meterhub.gateway.dongle import ReceivedFrame
from meterhub.gateway.text_source import frame_of_hex, mode_of_letter, text_source_model


def parse(line: str) -> ReceivedFrame | None:
    """Return the frame of an object; None for another device's or one whose CRC was not checked."""
    try:
        item = json.loads(line)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    if not isinstance(item, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - what came in is at fault, not the caller's type
    data, mode = item.get("data"), item.get("mode")
    if item.get("mic") != "CRC" or not isinstance(data, str) or not isinstance(mode, str):
        return None
    return ReceivedFrame(frame_of_hex(data), link_mode=mode_of_letter(mode))


DONGLE = text_source_model("rtl_433", "rtl_433", parse, frozenset({(0x0BDA, 0x2838)}))
