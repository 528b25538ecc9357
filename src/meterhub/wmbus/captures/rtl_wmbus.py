"""rtl_wmbus: `MODE;CRC_OK;3OUTOF6OK;TIMESTAMP;PACKET_RSSI;CURRENT_RSSI;LL_ID;0xHEX`, frames without CRCs.

A decoder's name may precede the mode (`rla;`, `t2a;`). Lines whose checks failed hold damaged bytes.
"""

from meterhub.wmbus.captures.found import Outcome, Unusable
from meterhub.wmbus.captures.hex_text import parse_captured

_COLUMNS = 8


def parse(line: str) -> Outcome:
    """Return the frame of a line that passed both checks."""
    columns = [column.strip() for column in line.split(";")][-_COLUMNS:]
    if len(columns) < _COLUMNS or not columns[-1].startswith("0x"):
        return None
    if columns[1:3] != ["1", "1"]:
        failed = "CRC" if columns[1] != "1" else "3-out-of-6 code"
        return Unusable("receiver-crc", f"rtl_wmbus says that the {failed} did not match")
    return parse_captured(columns[-1])
