"""A simulated Amber AMB8465: command interface with parameters in flash that take effect after a reset."""

from functools import reduce
from operator import xor

from meterhub.gateway.dongles.amber import (
    COMMAND_OUTPUT,
    FIRMWARE,
    GET_PARAMETERS,
    RESET,
    RESPONSE_BIT,
    RSSI_ON,
    SERIAL,
    SET_MODE,
    SET_PARAMETERS,
    START,
    TELEGRAM,
    build,
)
from meterhub.simulate.dongles.radio import SimulatedDongle

PARAMETERS = 0x78
PRESELECTED_MODE = 0x46
HEARD = {"S1": {1, 2, 3}, "T1": {5, 6, 7, 8, 9}, "C1": {9, 12, 13, 14}}
_OK = b"\x00"


class SimulatedAmber(SimulatedDongle):
    """One module; its flash survives `unplug`."""

    def __init__(self, *, command_output: bool = False, rssi_on: bool = False) -> None:
        self._flash = bytearray(PARAMETERS)
        self._flash[COMMAND_OUTPUT], self._flash[RSSI_ON] = command_output, rssi_on
        self._active = bytes(self._flash)
        self._mode = 0
        self._buffer = bytearray()
        self.resets = 0
        """How often it was reset by command."""
        super().__init__("amber")

    def _power_up(self) -> None:
        self._active = bytes(self._flash)
        self._mode = self._flash[PRESELECTED_MODE]
        self._buffer.clear()

    def _hears(self, link_mode: str) -> bool:
        return self._mode in HEARD[link_mode]

    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:  # noqa: ARG002 - not told by it
        strength = bytes((round((rssi_dbm + 74) * 2) & 0xFF,)) if self._active[RSSI_ON] else b""
        if self._active[COMMAND_OUTPUT]:
            return build(TELEGRAM, frame[1:] + strength)
        return bytes((frame[0] + len(strength),)) + frame[1:] + strength

    def _take(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4:
            length = self._buffer[2] + 4
            if self._buffer[0] != START or (len(self._buffer) >= length and reduce(xor, self._buffer[:length])):
                del self._buffer[0]
                continue
            if len(self._buffer) < length:
                return
            command, content = self._buffer[1], bytes(self._buffer[3 : length - 1])
            del self._buffer[:length]
            if (answer := self._answer(command, content)) is not None:
                self._reply(build(command | RESPONSE_BIT, answer))

    def _answer(self, command: int, content: bytes) -> bytes | None:
        """Carry out a command; return the data of its response, None for what the module ignores."""
        if command == SET_PARAMETERS:
            address, count = content[0], content[1]
            self._flash[address : address + count] = content[2 : 2 + count]
        if command == SET_MODE:
            self._mode = content[0]
        if command == RESET:
            self.resets += 1
            self._restart()
        answers = {
            GET_PARAMETERS: bytes((0, PARAMETERS)) + self._flash,
            SERIAL: bytes.fromhex("0042A7F1"),
            FIRMWARE: bytes((2, 7, 1)),
        }
        return answers.get(command, _OK if command in {SET_PARAMETERS, SET_MODE, RESET} else None)
