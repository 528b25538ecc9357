"""IMST iU891A-XL USB dongle: binary messages in SLIP frames, 115200 8N1.

    SAP | message | [status, in responses] | body | CRC 2, little-endian (X.25)

A received telegram has no status byte; its body is a time stamp of 4 bytes, 3 further bytes, the signal
strength in dBm, and the frame with its L field.

Checklist: wire format and examples from public protocol notes; the configuration is read, changed in link
mode and option bits only, written and read back, so fields of unclear meaning keep their values; no reset
is sent other than the restart request; not yet tried on a real stick.
"""

from dataclasses import replace

from meterhub.gateway.chunks import Splitter
from meterhub.gateway.dongle import (
    MIN_FRAME_LENGTH,
    Conversation,
    DongleInfo,
    DongleModel,
    Event,
    Garbage,
    LinkMode,
    ReceivedFrame,
    Request,
    Response,
    SetUpError,
)
from meterhub.gateway.slip import END, slip_decode, slip_encode
from meterhub.gateway.x25 import x25

DEVICE, GATEWAY = 0x01, 0x09
PING, DEVICE_INFO, FIRMWARE, RESTART = 0x01, 0x03, 0x05, 0x07
"""Messages of the device access point; the response has the next number."""
GET_CONFIG, SET_CONFIG, TELEGRAM = 0x01, 0x03, 0x20
"""Messages of the gateway access point."""
WAKE_UP = END * 30

MODULE_TYPES = {0x6D: "iM891A", 0x6E: "iU891A", 0x71: "iU893A", 0xA3: "iM881A"}
MODE_CODES = {LinkMode.S1: 1, LinkMode.T1: 2, LinkMode.CT: 3, LinkMode.C1: 5}
OTHER_MODES = {0: "off", 6: "T1 enhanced"}
CONFIG_LENGTH = 11
FILTER_OFF_BIT, RX_INDICATION_BIT, TX_INDICATION_BIT = 0x0001, 0x0002, 0x0004
TELEGRAM_HEAD = 8
"""Bytes of a telegram message's body before the frame."""
_MAX_PACKET = 1024


def build(sap: int, number: int, body: bytes = b"") -> bytes:
    """Return a message as it goes over the line; in responses the body starts with the status."""
    packet = bytes((sap, number)) + body
    return slip_encode(packet + x25(packet).to_bytes(2, "little"))


def parse(framed: bytes) -> tuple[int, int, bytes] | None:
    """Return access point, message and body of what stood between two ENDs; None if it is no message."""
    packet = slip_decode(framed)
    if packet is None or len(packet) < 4 or x25(packet[:-2]) != int.from_bytes(packet[-2:], "little"):
        return None
    return packet[0], packet[1], packet[2:-2]


def _request(name: str, sap: int, number: int, body: bytes = b"", before: bytes = b"") -> Request:
    return Request(name, before + build(sap, number, body), f"{sap}:{number + 1}")


class IU891A:
    """Codec of the iU891A-XL."""

    def __init__(self) -> None:
        self._splitter = Splitter(END, _MAX_PACKET)
        self._mode: LinkMode | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return the telegrams and responses that became complete and what was noise."""
        return [self._event(framed) for framed in self._splitter.feed(data)]

    def _event(self, framed: bytes) -> Event:
        message = parse(framed)
        if message is None:
            return Garbage(framed, "no valid message")
        sap, number, body = message
        if (sap, number) != (GATEWAY, TELEGRAM):
            return Response(f"{sap}:{number}", body)
        frame = body[TELEGRAM_HEAD:]
        if len(frame) <= MIN_FRAME_LENGTH or frame[0] != len(frame) - 1:
            return Garbage(framed, "telegram whose L field contradicts its length")
        rssi_raw = body[TELEGRAM_HEAD - 1]
        rssi_dbm = float(rssi_raw - 256 if rssi_raw > 127 else rssi_raw)
        return ReceivedFrame(frame, rssi_dbm, rssi_raw, self._mode, int.from_bytes(body[:4], "little"))

    def quiet(self) -> list[Event]:
        """Give up on a message that did not end."""
        rest = self._splitter.rest()
        return [Garbage(rest, "message cut off")] if rest else []

    def identify(self) -> Conversation:
        """Wake the stick, ask for the device, read the link mode."""
        info = yield from self._who()
        code = _config((yield _request("get config", GATEWAY, GET_CONFIG)).payload)[0]
        names: dict[int, str] = OTHER_MODES | {number: mode.value for mode, number in MODE_CODES.items()}
        return replace(info, link_mode=names.get(code, f"mode {code:02X}"))

    def _who(self) -> Conversation:
        info = _checked(
            "device info", (yield _request("device info", DEVICE, DEVICE_INFO, before=WAKE_UP)).payload
        )
        model = MODULE_TYPES.get(info[0]) if info else None
        if model is None:
            raise SetUpError(
                f"module type {info[:1].hex() or 'missing'} is none of {', '.join(MODULE_TYPES.values())}"
            )
        firmware = _checked("firmware", (yield _request("firmware", DEVICE, FIRMWARE)).payload)
        return DongleInfo(model, info[1:].hex(), firmware.hex(), "")

    def set_up(self, mode: LinkMode) -> Conversation:
        """Wake the stick, ask for the device, change the link mode and read it back."""
        info = yield from self._who()
        config = _config((yield _request("get config", GATEWAY, GET_CONFIG)).payload)
        options = int.from_bytes(config[1:3], "little") & ~FILTER_OFF_BIT | RX_INDICATION_BIT | TX_INDICATION_BIT
        wanted = bytes((MODE_CODES[mode],)) + options.to_bytes(2, "little") + config[3:]
        _checked("set config", (yield _request("set config", GATEWAY, SET_CONFIG, wanted)).payload)
        config = _config((yield _request("get config", GATEWAY, GET_CONFIG)).payload)
        if config[:3] != wanted[:3]:
            raise SetUpError(f"{info.model}: did not take link mode {mode}: reads back {config.hex()}")
        self._mode = mode
        return replace(info, link_mode=mode)

    def reset(self) -> Request:
        """Return the request that restarts the stick."""
        return _request("restart", DEVICE, RESTART)


def _checked(name: str, payload: bytes) -> bytes:
    """Return a response without its status; raises `SetUpError` for one that reports failure."""
    if not payload or payload[0] != 0:
        raise SetUpError(f"iU891A: {name} failed with status {payload[:1].hex() or 'missing'}")
    return payload[1:]


def _config(payload: bytes) -> bytes:
    config = _checked("get config", payload)
    if len(config) != CONFIG_LENGTH:
        raise SetUpError(f"iU891A: configuration of {len(config)} bytes, expected {CONFIG_LENGTH}")
    return config


DONGLE = DongleModel(
    name="iu891a",
    title="IMST iU891A-XL",
    baudrate=115200,
    link_modes=frozenset(MODE_CODES),
    new_codec=IU891A,
    probe_order=30,
    usb_ids=frozenset({(0x04B4, 0x0003)}),
)
