"""A simulated IMST iU891A-XL: SLIP messages, a configuration that is read, changed and written as a whole."""

from meterhub.gateway.chunks import Splitter
from meterhub.gateway.dongles.iu891a import (
    CONFIG_LENGTH,
    DEVICE,
    DEVICE_INFO,
    FIRMWARE,
    GATEWAY,
    GET_CONFIG,
    PING,
    RESTART,
    RX_INDICATION_BIT,
    SET_CONFIG,
    TELEGRAM,
    build,
    parse,
)
from meterhub.gateway.slip import END
from meterhub.simulate.dongles.radio import SimulatedDongle

START_CONFIG = bytes.fromhex("00 0800 0000 3200 A0BB0D00")
"""Receiver off; the values behind mode and options are examples."""
HEARD = {"S1": {1}, "T1": {2, 3, 6}, "C1": {3, 5}}
_OK, _WRONG_PARAMETER = b"\x00", b"\x02"


class SimulatedIU891A(SimulatedDongle):
    """One stick."""

    def __init__(self, *, module_type: int = 0x6E, serial: int = 0x00ABCDEF) -> None:
        self._info = bytes((module_type,)) + serial.to_bytes(4, "little")
        self._config = START_CONFIG
        self._splitter = Splitter(END, 1024)
        super().__init__("iu891a")

    @property
    def config(self) -> bytes:
        """The configuration it holds now."""
        return self._config

    def _power_up(self) -> None:
        self._config = START_CONFIG
        self._splitter.rest()

    def _hears(self, link_mode: str) -> bool:
        return self._config[0] in HEARD[link_mode] and bool(self._config[1] & RX_INDICATION_BIT)

    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:  # noqa: ARG002 - not told by the stick
        rssi = max(-128, min(0, round(rssi_dbm))) & 0xFF
        return build(GATEWAY, TELEGRAM, bytes(4) + bytes((0, 0, 2, rssi)) + frame)

    def _take(self, data: bytes) -> None:
        for framed in self._splitter.feed(data):
            message = parse(framed)
            if message is not None and (answer := self._answer(*message)) is not None:
                self._reply(build(message[0], message[1] + 1, answer))

    def _answer(self, sap: int, number: int, body: bytes) -> bytes | None:
        """Carry out a request; return status and body of the response, None for what the stick ignores."""
        if (sap, number) == (DEVICE, RESTART):
            self._restart()
        if (sap, number) == (GATEWAY, SET_CONFIG):
            if len(body) != CONFIG_LENGTH:
                return _WRONG_PARAMETER
            self._config = body
        bodies = {
            (DEVICE, PING): b"",
            (DEVICE, DEVICE_INFO): self._info,
            (DEVICE, FIRMWARE): bytes.fromhex("0102"),
            (DEVICE, RESTART): b"",
            (GATEWAY, GET_CONFIG): self._config,
            (GATEWAY, SET_CONFIG): b"",
        }
        answer = bodies.get((sap, number))
        return None if answer is None else _OK + answer
