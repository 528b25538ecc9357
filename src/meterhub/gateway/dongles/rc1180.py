"""Radiocrafts RC1180-MBUS: raw frames and a configuration prompt, 19200 8N1.

A telegram comes as the bare frame, L field first, with no start byte and no checksum: after noise only a pause
tells where the next one begins. The signal strength, which would come as one more byte, is kept switched off,
since a surplus byte has been seen to break telegrams.

Checklist: commands and registers from public protocol notes, the codes of register 03 unconfirmed; registers
are written only when they differ, as writing wears the module's memory; never
searched for, since it would send other dongles' requests over the air; no combined C/T mode; not yet tried on
a real module.
"""

from collections.abc import Generator
from typing import Literal

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

PROMPT = ord(">")
DUMP_LENGTH = 256
MODE, RSSI, MASTER, UART_SPEED = 0x03, 0x05, 0x12, 0x30
"""Addresses of registers."""
UART_19200 = 5
MODE_CODES = {LinkMode.S1: 0, LinkMode.T1: 2, LinkMode.C1: 4}
C_FIELDS = {
    0x44,
    0x46,
    0x47,
    0x48,
    0x08,
    0x18,
    0x28,
    0x38,
    0x06,
    0x00,
    0x01,
    0x40,
    0x43,
    0x53,
    0x73,
    0x5A,
    0x7A,
    0x5B,
    0x7B,
}
"""C fields of EN 13757-4; anything else behind a length is noise."""


class RC1180:
    """Codec of the RC1180."""

    def __init__(self) -> None:
        self._scanner = Scanner(self._step)
        self._awaiting: Literal["prompt", "dump"] | None = None
        self._mode: LinkMode | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return the telegrams and responses that became complete and what was noise."""
        return self._scanner.feed(data)

    def _step(self, buffer: bytearray) -> Event | int | None:
        if self._awaiting == "prompt":
            at = buffer.find(PROMPT)
            if at != 0:
                return at if at > 0 else len(buffer)
            del buffer[:1]
            self._awaiting = None
            return Response("prompt", b"")
        if self._awaiting == "dump":
            if len(buffer) <= DUMP_LENGTH:
                return None
            if buffer[DUMP_LENGTH] != PROMPT:
                return 1
            dump = bytes(buffer[:DUMP_LENGTH])
            del buffer[: DUMP_LENGTH + 1]
            self._awaiting = None
            return Response("dump", dump)
        length = buffer[0]
        if length < MIN_FRAME_LENGTH or (len(buffer) > 1 and buffer[1] not in C_FIELDS):
            return 1
        if len(buffer) <= length:
            return None
        frame = bytes(buffer[: length + 1])
        del buffer[: length + 1]
        return ReceivedFrame(frame, link_mode=self._mode)

    def quiet(self) -> list[Event]:
        """Give up on the frame that did not end; what follows a pause is the start of the next."""
        return self._scanner.quiet()

    def _ask(self, name: str, data: bytes, answer: Literal["prompt", "dump"]) -> Request:
        self._awaiting = answer
        return Request(name, data, answer)

    def identify(self) -> Conversation:
        """Enter the configuration, read the link mode, leave."""
        registers = yield from self._open()
        yield Request("leave", b"X", None)
        code = registers[MODE]
        names = {number: mode.value for mode, number in MODE_CODES.items()}
        return DongleInfo("RC1180", "", "", names.get(code, f"mode {code:02X}"))

    def _open(self) -> Generator[Request, Response, bytes]:
        yield self._ask("configuration", b"\x00", "prompt")
        registers = (yield self._ask("registers", b"0", "dump")).payload
        if registers[UART_SPEED] != UART_19200:
            raise SetUpError(
                f"RC1180: register {UART_SPEED:02X} holds {registers[UART_SPEED]:02X}; this is another device"
            )
        return registers

    def set_up(self, mode: LinkMode) -> Conversation:
        """Enter the configuration, write the registers that differ, read them back, leave."""
        registers = yield from self._open()
        wanted = {MODE: MODE_CODES[mode], RSSI: 0, MASTER: 1}
        changes = {address: value for address, value in wanted.items() if registers[address] != value}
        if changes:
            yield self._ask("write mode", b"M", "prompt")
            pairs = bytes(byte for pair in changes.items() for byte in pair)
            yield self._ask("registers", pairs + b"\xff", "prompt")
            registers = (yield self._ask("registers", b"0", "dump")).payload
            if any(registers[address] != value for address, value in wanted.items()):
                raise SetUpError(f"RC1180: did not take link mode {mode}")
        yield Request("leave", b"X", None)
        self._mode = mode
        return DongleInfo("RC1180", "", "", mode)

    def reset(self) -> None:
        """Return nothing: opening the line anew and setting the mode is all that helps."""


DONGLE = DongleModel(
    name="rc1180",
    title="Radiocrafts RC1180",
    baudrate=19200,
    link_modes=frozenset(MODE_CODES),
    new_codec=RC1180,
    probe_order=None,
)
