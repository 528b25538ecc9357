"""Values that leave the decoder: addresses, records, diagnostics, telegrams."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from meterhub.wmbus.control import TelegramKind, control

ELL_CIS = frozenset((0x86, 0x8C, 0x8D, 0x8E, 0x8F))
HOP, REPEATED_ACCESS = 0x10, 0x02  # CC bits (EN 13757-4, 12.2)

Value = Decimal | int | str | None
Reading = Decimal | int | str


class Address(NamedTuple):
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
    """A frame without link-layer CRCs, and what is known about the CRCs it came with.

    A frame `joined` from fragments may be longer than its L-field can say.
    """

    frame: bytes
    format: Literal["A", "B", "trimmed", "joined"]
    crc: Literal["checked", "unknown"]


@dataclass(
    slots=True
)  # frozen it would be as immutable as its readings are not, for a seventh of the time to decode
class Telegram:
    """A decoded message; nobody changes it.

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
    def kind(self) -> TelegramKind:
        """Return what the frame is for."""
        return control(self.c_field)[1]

    @property
    def relayed(self) -> bool:
        """Tell whether a repeater sent this copy: the hop bit of the extended link layer."""
        return self._communication_control & HOP != 0

    @property
    def repeated_access(self) -> bool:
        """Tell whether the extended link layer marks a repeated access."""
        return self._communication_control & REPEATED_ACCESS != 0

    @property
    def _communication_control(self) -> int:
        """Return the CC-field, 0 where there is none; it follows the CI in every type of the layer."""
        return self.frame[11] if len(self.frame) > 11 and self.frame[10] in ELL_CIS else 0

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the data records in the order sent."""
        if not isinstance(self.parsed, tuple):
            self.parsed = self.parsed(self.payload)
        assert isinstance(self.parsed, tuple)
        return self.parsed
