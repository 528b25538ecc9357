"""The line to a dongle: a device, a network box (`socket://`, `rfc2217://`), a program (`exec:`) or a pipe.

All of pyserial is behind this file. Errors are `OSError`, whatever the line is made of.
"""

import serial

from meterhub.gateway.child import ChildLine
from meterhub.gateway.pipe import PipeLine, is_pipe

PROGRAM = "exec:"
READ_TIMEOUT_S = 0.25
_CHUNK = 16_384


class Line:
    """An open line, 8N1. A local device is locked, so that two gateways do not share one dongle."""

    def __init__(self, device: str, baudrate: int) -> None:
        exclusive = None if "://" in device else True
        self._port = serial.serial_for_url(device, baudrate, timeout=READ_TIMEOUT_S, exclusive=exclusive)

    def read(self) -> bytes:
        """Return what has come in, waiting a moment; empty when nothing has. Raises `OSError` when lost."""
        data = self._port.read(self._port.in_waiting or 1)
        while data and len(data) < _CHUNK and (more := self._port.in_waiting):
            data += self._port.read(more)
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send bytes to the dongle. Raises `OSError` when the line is lost."""
        self._port.write(data)

    def close(self) -> None:
        """Close the line."""
        self._port.close()


def open_line(device: str, baudrate: int) -> Line | ChildLine | PipeLine:
    """Open a device or a pipe, or start a program whose output is read in its place. Raises `OSError`."""
    if device.startswith(PROGRAM):
        return ChildLine(device.removeprefix(PROGRAM))
    if is_pipe(device):
        return PipeLine(device)
    return Line(device, baudrate)
