"""Simulated programs that print what they hear: rtl_wmbus, rtl_433, and loggers of hex.

They stand on a pseudo-terminal like the others, where a gateway reads them when it is told their kind. They
take no requests, and hear every link mode at once.
"""

import json
from collections.abc import Callable

from meterhub.simulate.dongles.radio import SimulatedDongle
from meterhub.wmbus.encode import on_air

Print = Callable[[bytes, float, str], str]
"""Returns the line for a frame, its strength in dBm and the link mode of its meter."""

_STAMP = "2026-03-01 12:00:00.000"


class SimulatedProgram(SimulatedDongle):
    """One program; `print_line` knows its lines."""

    def __init__(self, name: str, print_line: Print) -> None:
        self._print_line = print_line
        super().__init__(name)

    def _power_up(self) -> None:
        pass  # nothing is kept

    def _take(self, data: bytes) -> None:
        pass  # nothing is asked

    def _hears(self, link_mode: str) -> bool:  # noqa: ARG002 - all of them
        return True

    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:
        return self._print_line(frame, rssi_dbm, link_mode).encode() + b"\n"


def _rtl_wmbus(frame: bytes, rssi_dbm: float, link_mode: str) -> str:
    serial = frame[7:3:-1].hex()
    magnitude = round(10 ** ((rssi_dbm + 110) / 20))  # linear; the scale of a real stick is its own
    return f"{link_mode};1;1;{_STAMP};{magnitude};{magnitude};{serial};0x{frame.hex()}"


def _rtl_433(frame: bytes, rssi_dbm: float, link_mode: str) -> str:  # noqa: ARG001 - not told without -M level
    return json.dumps(
        {
            "time": _STAMP,
            "model": "Wireless-MBus",
            "mode": link_mode[0],
            "id": int(frame[7:3:-1].hex()) if frame[7:3:-1].hex().isdecimal() else 0,
            "data": frame.hex(),
            "mic": "CRC",
        }
    )


def _hex_lines(frame: bytes, rssi_dbm: float, link_mode: str) -> str:  # noqa: ARG001 - not told by hex alone
    return f"telegram=|{on_air(frame).hex().upper()}|+0"


def simulated_rtl_wmbus() -> SimulatedProgram:
    """Return a simulated rtl_wmbus."""
    return SimulatedProgram("rtl_wmbus", _rtl_wmbus)


def simulated_rtl_433() -> SimulatedProgram:
    """Return a simulated `rtl_433 -F json`."""
    return SimulatedProgram("rtl_433", _rtl_433)


def simulated_hex_lines() -> SimulatedProgram:
    """Return a simulated logger that prints frames with their link-layer CRCs."""
    return SimulatedProgram("hex_lines", _hex_lines)
