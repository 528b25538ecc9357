"""C-field: what a frame is for (EN 13757-4, 11.5.3). CI-field: what stands behind the layers (EN 13757-7, 5.2)."""

from enum import StrEnum
from typing import NamedTuple


class TelegramKind(StrEnum):
    """What a frame is for, by its C-field.

    `data` and `installation` come from a meter and are decoded, as is `unknown`; `access-number` only shows
    that the meter is alive; `alarm-pending` asks to be read; `foreign` is the talk of other collectors.
    """

    DATA = "data"
    INSTALLATION = "installation"
    ACCESS_NUMBER = "access-number"
    ALARM_PENDING = "alarm-pending"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


C_FIELDS: dict[int, tuple[str, TelegramKind]] = {
    0x44: ("SND-NR", TelegramKind.DATA),
    0x46: ("SND-IR", TelegramKind.INSTALLATION),
    0x47: ("ACC-NR", TelegramKind.ACCESS_NUMBER),
    0x48: ("ACC-DMD", TelegramKind.ALARM_PENDING),
    **dict.fromkeys((0x08, 0x18, 0x28, 0x38), ("RSP-UD", TelegramKind.DATA)),
    0x40: ("SND-NKE", TelegramKind.FOREIGN),
    **dict.fromkeys((0x53, 0x73), ("SND-UD", TelegramKind.FOREIGN)),
    0x43: ("SND-UD2", TelegramKind.FOREIGN),
    **dict.fromkeys((0x5A, 0x7A), ("REQ-UD1", TelegramKind.FOREIGN)),
    **dict.fromkeys((0x5B, 0x7B), ("REQ-UD2", TelegramKind.FOREIGN)),
    0x06: ("CNF-IR", TelegramKind.FOREIGN),
    0x00: ("ACK", TelegramKind.FOREIGN),
    0x01: ("NACK", TelegramKind.FOREIGN),
}
"""C-field -> the standard's name and what the frame is for."""

_UNKNOWN = ("unknown", TelegramKind.UNKNOWN)


def control(c_field: int) -> tuple[str, TelegramKind]:
    """Return the name of a C-field and what its frames are for."""
    return C_FIELDS.get(c_field, _UNKNOWN)


class Content(NamedTuple):
    """What a CI field announces that is not read: a stable code and words for people."""

    code: str
    meaning: str


_TO_METER = Content("command-to-meter", "a command to a meter")
_NETWORK = Content("network-layer", "network layer or network management")
_RANGES = (
    (range(0x50, 0x5C), _TO_METER),
    (range(0x60, 0x62), Content("dlms-to-meter", "a DLMS request to a meter")),
    (range(0x64, 0x66), Content("obis-to-meter", "an OBIS request to a meter")),
    (range(0x6C, 0x6E), Content("clock-to-meter", "a clock synchronisation for a meter")),
    (range(0x80, 0x81), _TO_METER),
    (range(0x81, 0x86), _NETWORK),
    (range(0x87, 0x8A), _NETWORK),
    (range(0xA0, 0xB8), Content("manufacturer-specific", "a protocol of the maker's own that no driver reads")),
    (range(0xB8, 0xC0), Content("baud-rate", "a change of baud rate")),
    (range(0xC0, 0xC3), Content("image-transfer", "a transfer of firmware")),
    (range(0xC3, 0xC6), Content("security-transfer", "a transfer of security information")),
)
_CONTENTS = {ci: content for codes, content in _RANGES for ci in codes}
_RESERVED = Content("ci-unknown", "reserved")


def content_of(ci: int) -> Content:
    """Return what stands behind a CI field for which there is no layer to read."""
    return _CONTENTS.get(ci, _RESERVED)
