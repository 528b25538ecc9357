"""IMST iM871A USB dongle: the HCI protocol of the WM-Bus stick, 57600 8N1.

    A5 | flags<<4 endpoint | message | length | payload | [time 4] [RSSI 1] [CRC 2, little-endian]

The CRC (X.25) covers everything between the A5 and itself. A telegram's payload is the frame without its
L field, since the length says the same; link-layer CRCs were checked and removed by the dongle.

Checklist: wire format and examples from public protocol notes; link mode, RSSI, time stamp, reset done;
C1 listens for frame format A preambles (mode C1a); 169 MHz sibling iM170A recognised and refused;
not yet tried on a real stick.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from meterhub.gateway.dongle import (
    MIN_FRAME_LENGTH,
    Conversation,
    DongleInfo,
    DongleModel,
    Event,
    LinkMode,
    ReceivedFrame,
    Request,
    Response,
    SetUpError,
)
from meterhub.gateway.scanner import Scanner
from meterhub.gateway.x25 import x25

START = 0xA5
FLAG_TIME, FLAG_RSSI, FLAG_CRC = 0x2, 0x4, 0x8
DEVICE, RADIO = 1, 2
ENDPOINTS = range(1, 5)
"""Device, radio, test, hardware test."""


class DeviceMessage(IntEnum):
    """Messages of the device endpoint; the response to a request has the next number."""

    PING = 0x01
    SET_CONFIG = 0x03
    GET_CONFIG = 0x05
    RESET = 0x07
    FACTORY_RESET = 0x09
    DEVICE_INFO = 0x0F


TELEGRAM = 0x03
"""Message of the radio endpoint: a received telegram."""

MODULE_TYPE = 0x33
OTHER_MODULES = {0x36: "iM170A, a 169 MHz module"}
FIRST_CT_FIRMWARE = 0x14
MODE_CODES = {LinkMode.S1: 0x00, LinkMode.T1: 0x03, LinkMode.C1: 0x06, LinkMode.CT: 0x0A}
MODE_NAMES = ("S1", "S1-m", "S2", "T1", "T2", "R2", "C1a", "C1b", "C2a", "C2b", "C/T")
"""By code."""

LINK_MODE_BIT = 0x02
RSSI_BIT, TIME_BIT = 0x10, 0x20
CONFIG_FIELDS_1 = (1, 1, 1, 2, 4, 1, 1, 1)
"""Sizes of the fields that the bits of the first flag byte announce, from bit 0 [bytes]: device mode, link
mode, C field, manufacturer, identification number, version, device type, radio channel."""
CONFIG_FIELDS_2 = (1, 1, 1, 1, 1, 1, 1, 1)
"""The same for the second flag byte: power, data rate, receive window, power saving, RSSI, time, LED, RTC."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message on the serial line, in either direction."""

    endpoint: int
    number: int
    payload: bytes = b""
    ticks: int | None = None
    rssi_raw: int | None = None


def build(message: Message, *, crc: bool) -> bytes:
    """Return the bytes of a message; requests may go without a CRC."""
    flags = (FLAG_TIME if message.ticks is not None else 0) | (FLAG_RSSI if message.rssi_raw is not None else 0)
    flags |= FLAG_CRC if crc else 0
    body = bytes((flags << 4 | message.endpoint, message.number, len(message.payload))) + message.payload
    if message.ticks is not None:
        body += message.ticks.to_bytes(4, "little")
    if message.rssi_raw is not None:
        body += bytes((message.rssi_raw,))
    return bytes((START,)) + body + (x25(body).to_bytes(2, "little") if crc else b"")


def message_length(head: bytes | bytearray) -> int:
    """Return the length of the message that starts with these four bytes [bytes]."""
    flags = head[1] >> 4
    extra = (4 if flags & FLAG_TIME else 0) + (1 if flags & FLAG_RSSI else 0) + (2 if flags & FLAG_CRC else 0)
    return 4 + head[3] + extra


def parse(data: bytes) -> Message | None:
    """Return the message that these bytes are, or None where the CRC says they are not."""
    flags, end = data[1] >> 4, len(data)
    if flags & FLAG_CRC:
        end -= 2
        if x25(data[1:end]) != int.from_bytes(data[end:], "little"):
            return None
    rssi_raw = ticks = None
    if flags & FLAG_RSSI:
        end -= 1
        rssi_raw = data[end]
    if flags & FLAG_TIME:
        end -= 4
        ticks = int.from_bytes(data[end : end + 4], "little")
    return Message(data[1] & 0x0F, data[2], data[4:end], ticks, rssi_raw)


def rssi_to_dbm(raw: int) -> float:
    """Return the signal strength of an RSSI byte by the vendor's formula [dBm]."""
    return 80 * raw / 150 - 126.67


def parse_config(payload: bytes) -> dict[int, bytes]:
    """Return the fields of a configuration by number: 0 to 7 of the first flag byte, 8 to 15 of the second.

    Raises `SetUpError` for a payload that ends too early.
    """
    fields: dict[int, bytes] = {}
    offset = 0
    for base, sizes in ((0, CONFIG_FIELDS_1), (8, CONFIG_FIELDS_2)):
        announced = payload[offset] if offset < len(payload) else 0
        offset += 1
        for bit, size in enumerate(sizes):
            if announced >> bit & 1:
                fields[base + bit] = payload[offset : offset + size]
                offset += size
    if offset > len(payload):
        raise SetUpError(f"iM871A: configuration of {len(payload)} bytes ends before its last field")
    return fields


LINK_MODE_FIELD, RSSI_FIELD = 1, 12


def _request(number: DeviceMessage, payload: bytes = b"") -> Request:
    name = number.name.lower().replace("_", " ")
    data = build(Message(DEVICE, number, payload), crc=False)
    return Request(name, data, f"{DEVICE}:{number + 1}")


class IM871A:
    """Codec of the iM871A."""

    def __init__(self) -> None:
        self._scanner = Scanner(self._step)
        self._mode: LinkMode | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return the telegrams and responses that became complete and what was noise."""
        return self._scanner.feed(data)

    def _step(self, buffer: bytearray) -> Event | int | None:
        """Take one message off the buffer, or return how many bytes to skip; None: more are needed."""
        start = buffer.find(START)
        if start != 0:
            return start if start > 0 else len(buffer)
        if len(buffer) >= 2 and (buffer[1] & 0x0F not in ENDPOINTS or buffer[1] & 0x10):
            return 1
        if len(buffer) < 4:
            return None
        telegram = (buffer[1] & 0x0F, buffer[2]) == (RADIO, TELEGRAM)
        if (telegram and buffer[3] < MIN_FRAME_LENGTH) or not (telegram or buffer[1] >> 4 & FLAG_CRC):
            return 1
        length = message_length(buffer)
        if len(buffer) < length:
            return None
        message = parse(bytes(buffer[:length]))
        if message is None:
            return 1
        del buffer[:length]
        if telegram:
            rssi_dbm = None if message.rssi_raw is None else rssi_to_dbm(message.rssi_raw)
            frame = bytes((len(message.payload),)) + message.payload
            return ReceivedFrame(frame, rssi_dbm, message.rssi_raw, self._mode, message.ticks)
        return Response(f"{message.endpoint}:{message.number}", message.payload)

    def quiet(self) -> list[Event]:
        """Give up on the message that did not end, and look for others behind its first byte."""
        return self._scanner.quiet()

    def identify(self) -> Conversation:
        """Ping, ask for the device, read the link mode."""
        info = yield from self._who()
        config = parse_config((yield _request(DeviceMessage.GET_CONFIG)).payload)
        code = int.from_bytes(config.get(LINK_MODE_FIELD, b""))
        return replace(info, link_mode=MODE_NAMES[code] if code < len(MODE_NAMES) else f"mode {code:02X}")

    def _who(self) -> Conversation:
        yield _request(DeviceMessage.PING)
        info = (yield _request(DeviceMessage.DEVICE_INFO)).payload
        if len(info) < 8:
            raise SetUpError(f"iM871A: device information of {len(info)} bytes, expected 8")
        if info[0] != MODULE_TYPE:
            raise SetUpError(
                f"module type {info[0]:02X} is {OTHER_MODULES.get(info[0], 'unknown')}; not supported"
            )
        return DongleInfo("iM871A", info[4:8][::-1].hex(), f"{info[2]:02X}", "")

    def set_up(self, mode: LinkMode) -> Conversation:
        """Ping, ask for the device, set link mode and RSSI (volatile), read both back."""
        info = yield from self._who()
        if mode is LinkMode.CT and int(info.firmware, 16) < FIRST_CT_FIRMWARE:
            raise SetUpError(
                f"iM871A: firmware {info.firmware} cannot receive C/T together; set link mode T1 or C1"
            )
        settings = bytes((0, LINK_MODE_BIT, MODE_CODES[mode], RSSI_BIT | TIME_BIT, 1, 0))
        yield _request(DeviceMessage.SET_CONFIG, settings)
        config = parse_config((yield _request(DeviceMessage.GET_CONFIG)).payload)
        if config.get(LINK_MODE_FIELD) != settings[2:3] or config.get(RSSI_FIELD) != b"\x01":
            raise SetUpError(f"iM871A: did not take link mode {mode}: reads back {config}")
        self._mode = mode
        return replace(info, link_mode=mode)

    def reset(self) -> Request:
        """Return the request that restarts the module; its configuration is gone afterwards."""
        return _request(DeviceMessage.RESET)


DONGLE = DongleModel(
    name="im871a",
    title="IMST iM871A",
    baudrate=57600,
    link_modes=frozenset(MODE_CODES),
    new_codec=IM871A,
    probe_order=20,
    usb_ids=frozenset({(0x10C4, 0xEA60)}),
)
