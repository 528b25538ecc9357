"""Values that leave the decoder: addresses, records, diagnostics, telegrams."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

Value = Decimal | int | str | None
Reading = Decimal | int | str


@dataclass(frozen=True, slots=True)
class Address:
    """Who sends or who is meant: the eight bytes of M- and A-field (EN 13757-4, 7)."""

    manufacturer: str
    serial: str
    device_version: int
    device_type: int


class SecurityResult(StrEnum):
    """How far the security layer let the decoder in."""

    PLAIN = "plain"
    DECRYPTED = "decrypted"
    KEY_MISSING = "key-missing"
    KEY_WRONG = "key-wrong"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something noticed while decoding; `offset` counts bytes of the CRC-free frame."""

    layer: str
    code: str
    offset: int
    message: str


@dataclass(frozen=True, slots=True)
class Record:
    """One data record of the application layer (EN 13757-3), scaled to its unit.

    `value` is None where the meter sent an invalid marker. `qualifiers` are the meanings of the
    combinable VIFEs in order ("forward", "backward", ...). `offset` counts from the frame's start.
    """

    dif_vif: str
    quantity: str
    unit: str
    value: Value
    function: str
    storage: int
    tariff_register: int
    subunit: int
    qualifiers: tuple[str, ...] = ()
    offset: int = 0
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class LinkFrame:
    """A frame without link-layer CRCs, and what is known about the CRCs it came with."""

    frame: bytes
    format: Literal["A", "B", "trimmed"]
    crc: Literal["checked", "unknown"]


@dataclass(frozen=True, slots=True)
class Telegram:
    """A decoded message.

    `meter` is whom billing knows: the transport layer's address if it names one, else `link`.
    `meter_at` is the meter's own clock, without a time zone. `payload` is the application layer
    after decryption; `records` are parsed from it when first asked for, unless decoding has needed
    them already.
    """

    frame: bytes
    c_field: int
    link: Address
    meter: Address
    driver: str | None
    security_mode: int
    security: SecurityResult
    readings: Mapping[str, Reading]
    alarms: tuple[str, ...]
    meter_at: datetime | None
    diagnostics: tuple[Diagnostic, ...]
    access_number: int | None
    message_counter: int | None
    payload: bytes = b""
    parsed: tuple[Record, ...] | Callable[[bytes], tuple[Record, ...]] = field(
        default=(), repr=False, compare=False
    )

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the data records in the order sent."""
        if not isinstance(self.parsed, tuple):
            object.__setattr__(self, "parsed", self.parsed(self.payload))
        assert isinstance(self.parsed, tuple)
        return self.parsed
