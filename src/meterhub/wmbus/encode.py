"""Builds telegrams: records, transport header, encryption, authentication, extended link layer, CRCs.

The counterpart of `decode`, for simulators, fixtures and tests: what `encode(Message(...))` builds,
`decode` reads back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from meterhub.wmbus import afl, ell, security
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import add_crc_a, add_crc_b, address_bytes
from meterhub.wmbus.encode_values import data_field
from meterhub.wmbus.headers import resolve
from meterhub.wmbus.model import Address, Value
from meterhub.wmbus.security import BLOCK

_CI = {
    ("long", False): 0x72,
    ("short", False): 0x7A,
    ("none", False): 0x78,
    ("long", True): 0x73,
    ("short", True): 0x7B,
    ("none", True): 0x79,
}
_CHECK = b"\x2f\x2f"
_FILLER = b"\x2f"
_KDF_A = 0x10


@dataclass(frozen=True, slots=True)
class DataRecord:
    """A record to send: header bytes (DIF to last VIFE) and the value in the header's unit.

    Bytes are sent as they are; None is sent as the data field's marker for "no value".
    """

    header: bytes
    value: Value | date | datetime | bytes

    @classmethod
    def of(cls, header: str, value: Value | date | datetime | bytes) -> "DataRecord":
        """Return a record whose header is given in hex."""
        return cls(bytes.fromhex(header), value)


@dataclass(frozen=True, slots=True)
class ExtendedLink:
    """The extended link layer to send: its type by `ci`; `session` (4 bytes), `partner` (8) where it has them."""

    ci: int = 0x8C
    cc: int = 0x20
    access_number: int = 0
    partner: bytes = b""
    session: bytes = b""


@dataclass(frozen=True, slots=True)
class Message:
    """A telegram to send.

    `key` encrypts with mode 5 or 7, or the extended link layer where its session says so. `manufacturer_data`
    follows DIF 0F inside, `plain_tail` stands unencrypted behind the encrypted blocks. `meter` is named
    in a long header; without one it is not sent.
    """

    link: Address
    records: tuple[DataRecord, ...] = ()
    header: Literal["short", "long", "none"] = "short"
    meter: Address | None = None
    access_number: int = 0
    status: int = 0
    mode: Literal[0, 5, 7] = 0
    key: bytes | None = None
    message_counter: int = 0
    extended: ExtendedLink | None = None
    compact: bool = False
    manufacturer_data: bytes = b""
    plain_tail: tuple[DataRecord, ...] = ()
    c_field: int = 0x44


def encode_records(records: Iterable[DataRecord]) -> bytes:
    """Return records as bytes of the application layer."""
    return b"".join([record.header + data_field(resolve(record.header), record.value) for record in records])


def encode_compact(records: Iterable[DataRecord]) -> bytes:
    """Return records as a compact frame's bytes: signature, CRC of the full frame, values."""
    headers, fields = [], []
    for record in records:
        headers.append(record.header)
        fields.append(data_field(resolve(record.header), record.value))
    full = b"".join([header + field for header, field in zip(headers, fields, strict=True)])
    signature = crc16(b"".join(headers)).to_bytes(2, "little")
    return signature + crc16(full).to_bytes(2, "little") + b"".join(fields)


def encode(message: Message) -> bytes:
    """Return the CRC-free frame of a message; ValueError where the parts do not fit together."""
    link = address_bytes(message.link)
    application = encode_compact(message.records) if message.compact else encode_records(message.records)
    if message.manufacturer_data:
        application += b"\x0f" + message.manufacturer_data
    body = _transport(message, link, application)
    if message.extended is not None:
        own = message.extended
        header = ell.ELLHeader(own.ci, own.cc, own.access_number, own.partner, own.session)
        body = ell.build(header, link, body, message.key)
    size = 9 + len(body)
    if size > 255:
        raise ValueError(f"the frame needs an L-field of {size}; 255 is the most")
    return bytes((size, message.c_field)) + link + body


def _transport(message: Message, link: bytes, application: bytes) -> bytes:
    """Return authentication layer, transport header and (encrypted) application layer."""
    ci = _CI[message.header, message.compact]
    tail = encode_records(message.plain_tail)
    if message.header == "none":
        if message.mode:
            raise ValueError("encryption by security mode needs a short or long header")
        return bytes((ci,)) + application + tail
    named = b""
    meter = link
    if message.header == "long":
        meter = address_bytes(message.meter or message.link)
        named = meter[2:6] + meter[:2] + meter[6:]
    head = bytes((ci,)) + named + bytes((message.access_number & 0xFF, message.status))
    if message.mode == 0:
        return head + b"\0\0" + application + tail
    if message.key is None:
        raise ValueError(f"mode {message.mode} needs a key")
    plain = _CHECK + application
    plain += _FILLER * (-len(plain) % BLOCK)
    blocks = len(plain) // BLOCK
    if blocks > 15:
        raise ValueError(f"{blocks} encrypted blocks; 15 is the most")
    if message.mode == 5:
        iv = meter + bytes((message.access_number & 0xFF,)) * 8
        configuration = bytes((blocks << 4, 0x25 if message.extended is None else 0x05))
        return head + configuration + security.cbc_encrypt(message.key, iv, plain) + tail
    counter = message.message_counter.to_bytes(4, "little")
    keys = security.session_keys(message.key, counter, meter[2:6])
    rest = head + bytes((blocks << 4, 0x07, _KDF_A))
    rest += security.cbc_encrypt(keys.encryption, bytes(BLOCK), plain) + tail
    return afl.build(counter, security.cmac(keys.mac, bytes((afl.USUAL_MCL,)) + counter + rest)[:8]) + rest


def on_air(frame: bytes, frame_format: Literal["A", "B"] = "A") -> bytes:
    """Return a CRC-free frame with the CRCs of frame format A or B."""
    return add_crc_a(frame) if frame_format == "A" else add_crc_b(frame)
