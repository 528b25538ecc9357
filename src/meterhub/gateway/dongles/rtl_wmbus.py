"""rtl_wmbus: software receiver behind an RTL-SDR stick, one line a telegram.

    MODE;CRC_OK;3OUTOF6OK;TIMESTAMP;PACKET_RSSI;CURRENT_RSSI;LL_ID;0xHEX

The hex is the frame without CRCs; only lines whose two checks are 1 count. A decoder's name may precede the
mode (`rla;`, `t2a;`). Two decoders print each telegram twice: the hub makes it one. The strength is a linear
magnitude, except on relays that print dBm, which are negative.

Checklist: line format from public notes and examples; run it with `--device "exec:rtl_sdr … | rtl_wmbus"`.
"""

from meterhub.gateway.dongle import ReceivedFrame
from meterhub.gateway.text_source import frame_of_hex, mode_of_letter, text_source_model

_COLUMNS = 8
_MAX_RSSI_DIGITS = 6


def parse(line: str) -> ReceivedFrame | None:
    """Return the frame of a line; None where rtl_wmbus says that a check failed."""
    columns = line.split(";")
    mode, crc_ok, symbols_ok, _, rssi, _, _, data = columns[-_COLUMNS:] if len(columns) >= _COLUMNS else [""] * 8
    if not data.startswith("0x"):
        raise ValueError("no line of rtl_wmbus")
    if (crc_ok, symbols_ok) != ("1", "1"):
        return None
    if len(rssi) > _MAX_RSSI_DIGITS:
        raise ValueError("the signal strength is no plausible number")
    strength = int(rssi) if rssi else None
    rssi_dbm = float(strength) if strength is not None and strength < 0 else None
    return ReceivedFrame(frame_of_hex(data[2:]), rssi_dbm, strength, mode_of_letter(mode))


DONGLE = text_source_model("rtl_wmbus", "rtl_wmbus", parse, frozenset({(0x0BDA, 0x2838)}))
