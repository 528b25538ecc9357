"""Builds telegrams: records, transport header, encryption, authentication, fragments, extended link layer, CRCs.

The counterpart of `decode`, for simulators, fixtures and tests: what `encode(Message(...))` builds,
`decode` reads back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from meterhub.wmbus import afl, ell, legacy, security, tpl
from meterhub.wmbus.afl import AFLHeader
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
_LENGTH_IN_MESSAGE = 0x40  # MLMP of the MCL field


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

    `key` encrypts with the security mode, or the extended link layer where its session says so.
    `manufacturer_data` follows DIF 0F inside, `plain_tail` stands unencrypted behind the encrypted blocks.
    `meter` is named in a long header; without one it is not sent. `ci` replaces the CI of the transport
    layer (errors, alarms, other applications), `application` are the bytes to send in place of records;
    `on` is mode 3's date.
    """

    link: Address
    records: tuple[DataRecord, ...] = ()
    header: Literal["short", "long", "none"] = "short"
    meter: Address | None = None
    access_number: int = 0
    status: int = 0
    mode: Literal[0, 2, 3, 4, 5, 7] = 0
    key: bytes | None = None
    message_counter: int = 0
    extended: ExtendedLink | None = None
    compact: bool = False
    manufacturer_data: bytes = b""
    plain_tail: tuple[DataRecord, ...] = ()
    c_field: int = 0x44
    ci: int | None = None
    application: bytes = b""
    on: date | None = None


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


def encode_format(records: Iterable[DataRecord]) -> bytes:
    """Return a format frame's bytes: the signature and the record headers that it stands for."""
    headers = b"".join([record.header for record in records])
    return crc16(headers).to_bytes(2, "little") + headers


def encode(message: Message) -> bytes:
    """Return the CRC-free frame of a message; ValueError where the parts do not fit together."""
    header, rest = _transport(message, whole=True)
    return _frame(message, (afl.build(header) if header.mac else b"") + rest, message.extended)


def encode_fragments(message: Message, size: int = 128) -> tuple[bytes, ...]:
    """Return a message as CRC-free frames that carry at most `size` bytes of it each; at least two.

    ValueError where the parts do not fit together or the message needs less than two fragments or more
    than 255.
    """
    if message.extended is not None and message.extended.session:
        raise ValueError("fragments inside an encrypted extended link layer are not built")
    header, rest = _transport(message, whole=False)
    parts = [rest[at : at + size] for at in range(0, len(rest), size)]
    if not 2 <= len(parts) <= 255:
        raise ValueError(f"{len(parts)} fragments; a message has 2 to 255")
    frames = []
    for number, part in enumerate(parts, 1):
        layer = AFLHeader(number | afl.MORE_FRAGMENTS)
        if number == 1:
            layer = replace(header, fcl=layer.fcl, mac=b"")
        elif number == len(parts):
            layer = AFLHeader(number, mac=header.mac)
        extended = message.extended
        if extended is not None:
            extended = replace(extended, access_number=extended.access_number + number - 1 & 0xFF)
        frames.append(_frame(message, afl.build(layer) + part, extended))
    return tuple(frames)


def _frame(message: Message, body: bytes, extended: ExtendedLink | None) -> bytes:
    """Return the link header, the extended link layer and what follows."""
    link = address_bytes(message.link)
    if extended is not None:
        own = ell.ELLHeader(extended.ci, extended.cc, extended.access_number, extended.partner, extended.session)
        body = ell.build(own, link, body, message.key)
    size = 9 + len(body)
    if size > 255:
        raise ValueError(f"the frame needs an L-field of {size}; 255 is the most")
    return bytes((size, message.c_field)) + link + body


def _application(message: Message) -> bytes:
    """Return the application layer before encryption."""
    application = message.application
    if not application:
        application = encode_compact(message.records) if message.compact else encode_records(message.records)
    if message.manufacturer_data:
        application += b"\x0f" + message.manufacturer_data
    return application


def _transport(message: Message, *, whole: bool) -> tuple[AFLHeader, bytes]:
    """Return transport header and (encrypted) application layer, and the authentication layer for them.

    The header of a message that is not sent `whole` tells its length.
    """
    link = address_bytes(message.link)
    ci = _CI[message.header, message.compact] if message.ci is None else message.ci
    kind = tpl.LAYOUTS[ci][0]
    application, tail = _application(message), encode_records(message.plain_tail)
    meter = link
    head = bytes((ci,))
    if kind == "none":
        if message.mode:
            raise ValueError("encryption by security mode needs a short or long header")
        return _authentication(message, b"", head + application + tail, whole=whole)
    if kind == "long":
        meter = address_bytes(message.meter or message.link)
        head += meter[2:6] + meter[:2] + meter[6:]
    head += bytes((message.access_number & 0xFF, message.status))
    if message.mode == 0:
        return _authentication(message, b"", head + b"\0\0" + application + tail, whole=whole)
    if message.key is None:
        raise ValueError(f"mode {message.mode} needs a key")
    plain = _CHECK + application
    plain += _FILLER * (-len(plain) % BLOCK)
    blocks = len(plain) // BLOCK
    if blocks > 15:
        raise ValueError(f"{blocks} encrypted blocks; 15 is the most")
    if message.mode == 7:
        counter = message.message_counter.to_bytes(4, "little")
        keys = security.session_keys(message.key, counter, meter[2:6])
        sealed = security.cbc_encrypt(keys.encryption, bytes(BLOCK), plain)
        rest = head + bytes((blocks << 4, 0x07, _KDF_A)) + sealed + tail
        return _authentication(message, keys.mac, rest, whole=whole)
    if message.mode == 5:
        sealed = security.cbc_encrypt(message.key, meter + bytes((message.access_number & 0xFF,)) * 8, plain)
        configuration = bytes((blocks << 4, 0x25 if message.extended is None else 0x05))
    else:
        vectors = next(legacy.vectors(message.mode, meter, message.on), None)
        if vectors is None:
            raise ValueError("mode 3 needs a date")
        sealed = legacy.encrypt(message.mode, message.key, vectors[0], plain)
        configuration = bytes((blocks << 4 if message.mode == 4 else len(plain), message.mode))
    return _authentication(message, b"", head + configuration + sealed + tail, whole=whole)


def _authentication(message: Message, mac_key: bytes, rest: bytes, *, whole: bool) -> tuple[AFLHeader, bytes]:
    """Return the authentication layer of a message, and the message."""
    header = AFLHeader(0)
    if not whole:
        header = AFLHeader(0, _LENGTH_IN_MESSAGE, message_length=len(rest).to_bytes(2, "little"))
    if not mac_key:
        return header, rest
    counter = message.message_counter.to_bytes(4, "little")
    header = replace(header, mcl=header.mcl | afl.USUAL_MCL, counter=counter)
    return replace(header, mac=security.cmac(mac_key, header.authenticated(rest))[:8]), rest


def on_air(frame: bytes, frame_format: Literal["A", "B"] = "A") -> bytes:
    """Return a CRC-free frame with the CRCs of frame format A or B."""
    return add_crc_a(frame) if frame_format == "A" else add_crc_b(frame)
