"""Wireless M-Bus (EN 13757-3, -4, -7, OMS Volume 2) without input or output: bytes in, values out.

`decode` reads frames, `encode` builds them; both know the same layers. Nothing here reads a clock,
a file or a socket, and nothing of the rest of meterhub is imported.
"""

from meterhub.wmbus.compact import FormatStore
from meterhub.wmbus.control import TelegramKind
from meterhub.wmbus.dll import strip_crc
from meterhub.wmbus.errors import (
    BadCRC,
    BadRecord,
    DecryptFailed,
    FrameError,
    KeyMissing,
    Truncated,
    Unsupported,
)
from meterhub.wmbus.identity import addresses, fingerprint
from meterhub.wmbus.legacy import Legacy
from meterhub.wmbus.model import Address, Diagnostic, LinkFrame, Record, SecurityResult, Telegram
from meterhub.wmbus.reassembly import Reassembler
from meterhub.wmbus.telegram import KeyLookup, decode

__all__ = [
    "Address",
    "BadCRC",
    "BadRecord",
    "DecryptFailed",
    "Diagnostic",
    "FormatStore",
    "FrameError",
    "KeyLookup",
    "KeyMissing",
    "Legacy",
    "LinkFrame",
    "Reassembler",
    "Record",
    "SecurityResult",
    "Telegram",
    "TelegramKind",
    "Truncated",
    "Unsupported",
    "addresses",
    "decode",
    "fingerprint",
    "strip_crc",
]
