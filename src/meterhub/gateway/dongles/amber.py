"""Amber Wireless (Würth) AMB8465, AMB8665 and Metis: command interface, 9600 8N1.

    FF | command | length | data | checksum (XOR of all bytes before it)

A response has bit 7 of the command set. A telegram (command 03) carries the frame without its L field,
followed by a signal strength byte if parameter 45 is on; that byte must be known of and cut off.

Checklist: wire format and examples from public protocol notes; the link mode is set until power-off and its
status checked (it cannot be read back); command output and signal strength are written to flash only when
they are off, since resets have been seen to hang modules; not yet tried on a real module.
"""

from dataclasses import replace
from functools import reduce
from operator import xor

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
from meterhub.gateway.scanner import Scanner

START = 0xFF
RESPONSE_BIT = 0x80
TELEGRAM, SET_MODE, RESET, SET_PARAMETERS, GET_PARAMETERS, SERIAL, FIRMWARE = (
    0x03,
    0x04,
    0x05,
    0x09,
    0x0A,
    0x0B,
    0x0C,
)
COMMANDS = {TELEGRAM, *(RESPONSE_BIT | number for number in range(0x04, 0x12))}
COMMAND_OUTPUT, RSSI_ON, PRESELECTED_MODE = 0x05, 0x45, 0x46
"""Addresses of parameters."""
MODE_CODES = {LinkMode.S1: 0x03, LinkMode.T1: 0x08, LinkMode.C1: 0x0E, LinkMode.CT: 0x09}
MODE_NAMES = {1: "S1", 2: "S1-m", 3: "S2", 9: "C/T", **dict.fromkeys(range(5, 9), "T"), 10: "R2", 11: "R2"}
MODE_NAMES |= dict.fromkeys(range(12, 15), "C")


def build(command: int, data: bytes = b"") -> bytes:
    """Return a message with its checksum."""
    message = bytes((START, command, len(data))) + data
    return message + bytes((reduce(xor, message),))


def rssi_to_dbm(raw: int) -> float:
    """Return the signal strength of an RSSI byte [dBm]."""
    return (raw - 256 if raw >= 128 else raw) / 2 - 74


def _request(name: str, command: int, data: bytes = b"") -> Request:
    return Request(name, build(command, data), f"{command | RESPONSE_BIT:02X}")


class Amber:
    """Codec of the Amber modules."""

    def __init__(self) -> None:
        self._scanner = Scanner(self._step)
        self._mode: LinkMode | None = None
        self._has_rssi: bool | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return the telegrams and responses that became complete and what was noise."""
        return self._scanner.feed(data)

    def _step(self, buffer: bytearray) -> Event | int | None:
        """Take one message off the buffer, or return how many bytes to skip; None: more are needed."""
        if (start := buffer.find(START)) != 0:
            return start if start > 0 else len(buffer)
        if len(buffer) >= 2 and buffer[1] not in COMMANDS:
            return 1
        if len(buffer) < 3:
            return None
        if buffer[1] == TELEGRAM and buffer[2] < MIN_FRAME_LENGTH:
            return 1
        length = buffer[2] + 4
        if len(buffer) < length:
            return None
        if reduce(xor, buffer[:length]) != 0:
            return 1
        command, data = buffer[1], bytes(buffer[3 : length - 1])
        del buffer[:length]
        return self._telegram(data) if command == TELEGRAM else Response(f"{command:02X}", data)

    def _telegram(self, data: bytes) -> Event:
        if self._has_rssi is None:
            return Garbage(data, "telegram before it is known whether a signal strength follows it")
        rssi_raw = data[-1] if self._has_rssi else None
        body = data[:-1] if self._has_rssi else data
        rssi_dbm = None if rssi_raw is None else rssi_to_dbm(rssi_raw)
        return ReceivedFrame(bytes((len(body),)) + body, rssi_dbm, rssi_raw, self._mode)

    def quiet(self) -> list[Event]:
        """Give up on the message that did not end, and look for others behind its first byte."""
        return self._scanner.quiet()

    def identify(self) -> Conversation:
        """Read the parameters, serial number and firmware; only the link mode of power-up can be read."""
        parameters = (yield _request("get parameters", GET_PARAMETERS, b"\x00\x80")).payload
        code = _parameter(parameters, PRESELECTED_MODE)
        info = yield from self._who()
        return replace(info, link_mode=f"{MODE_NAMES.get(code, f'mode {code:02X}')} at power-up")

    def _who(self) -> Conversation:
        serial = (yield _request("serial", SERIAL)).payload
        firmware = (yield _request("firmware", FIRMWARE)).payload
        return DongleInfo("Amber", serial.hex(), ".".join(str(part) for part in firmware), "")

    def set_up(self, mode: LinkMode) -> Conversation:
        """Read the parameters, switch on what is missing, set the link mode (volatile)."""
        parameters = (yield _request("get parameters", GET_PARAMETERS, b"\x00\x80")).payload
        missing = [address for address in (COMMAND_OUTPUT, RSSI_ON) if _parameter(parameters, address) != 1]
        for address in missing:
            answer = yield _request("set parameter", SET_PARAMETERS, bytes((address, 1, 1)))
            _check("set parameter", answer.payload)
        if missing:
            _check("reset", (yield _request("reset", RESET)).payload)
            parameters = (yield _request("get parameters", GET_PARAMETERS, b"\x00\x80")).payload
            if any(_parameter(parameters, address) != 1 for address in missing):
                raise SetUpError("Amber: command output or signal strength stays off; power-cycle the module")
        self._has_rssi = True
        info = yield from self._who()
        _check(f"link mode {mode}", (yield _request("link mode", SET_MODE, bytes((MODE_CODES[mode],)))).payload)
        self._mode = mode
        return replace(info, link_mode=mode)

    def reset(self) -> Request:
        """Return the request that restarts the module."""
        return _request("reset", RESET)


def _parameter(payload: bytes, address: int) -> int:
    """Return a parameter from the memory dump, which starts with its first address and its length."""
    if len(payload) < 2 or payload[0] != 0 or len(payload) - 2 <= address:
        raise SetUpError(f"Amber: {len(payload)} bytes of parameters do not reach parameter {address:02X}")
    return payload[2 + address]


def _check(name: str, payload: bytes) -> None:
    if payload != b"\x00":
        raise SetUpError(f"Amber: {name} failed with status {payload.hex() or 'missing'}")


DONGLE = DongleModel(
    name="amber",
    title="Amber AMB8465, AMB8665, Metis",
    baudrate=9600,
    link_modes=frozenset(MODE_CODES),
    new_codec=Amber,
    probe_order=10,
    usb_ids=frozenset({(0x0403, 0x6001)}),
)
