"""A simulated Radiocrafts RC1180-MBUS: bare frames, and a configuration prompt that stops reception."""

from typing import Literal

from meterhub.gateway.dongles.rc1180 import DUMP_LENGTH, MODE, RSSI, UART_19200, UART_SPEED
from meterhub.simulate.dongles.radio import SimulatedDongle

HEARD = {"S1": 0, "T1": 2, "C1": 4}
END_OF_WRITING = 0xFF


class SimulatedRC1180(SimulatedDongle):
    """One module; its registers survive `unplug`. It hears nothing while its configuration is open."""

    def __init__(self, *, rssi_on: bool = True) -> None:
        self.registers = bytearray(DUMP_LENGTH)
        """Configuration memory."""
        self.registers[UART_SPEED], self.registers[RSSI] = UART_19200, rssi_on
        self.writes = 0
        """How often its memory was written."""
        self._state: Literal["idle", "configuring", "writing"] = "idle"
        self._address: int | None = None
        super().__init__("rc1180")

    def _power_up(self) -> None:
        self._state, self._address = "idle", None

    def _hears(self, link_mode: str) -> bool:
        return self._state == "idle" and self.registers[MODE] == HEARD[link_mode]

    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:  # noqa: ARG002 - not told by it
        if not self.registers[RSSI]:
            return frame
        return bytes((frame[0] + 1,)) + frame[1:] + bytes((round(-2 * rssi_dbm) & 0xFF,))

    def _take(self, data: bytes) -> None:
        for byte in data:
            self._take_byte(byte)

    def _take_byte(self, byte: int) -> None:
        if self._state == "writing":
            self._write(byte)
        elif self._state == "idle" and byte == 0:
            self._state = "configuring"
            self._reply(b">")
        elif self._state == "configuring":
            if byte == ord("0"):
                self._reply(bytes(self.registers) + b">")
            elif byte == ord("M"):
                self._state = "writing"
                self._reply(b">")
            elif byte == ord("X"):
                self._state = "idle"

    def _write(self, byte: int) -> None:
        if self._address is not None:
            self.registers[self._address] = byte
            self.writes += 1
            self._address = None
        elif byte == END_OF_WRITING:
            self._state = "configuring"
            self._reply(b">")
        else:
            self._address = byte
