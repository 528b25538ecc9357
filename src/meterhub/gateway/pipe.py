"""Lines that are not serial ports: a named pipe, or the gateway's own standard input (`-`)."""

import os
import select
import stat
import sys
from pathlib import Path

READ_TIMEOUT_S = 0.25
_CHUNK = 16_384

STANDARD_INPUT = "-"


def is_pipe(device: str) -> bool:
    """Tell whether a device is standard input or a named pipe."""
    if device == STANDARD_INPUT:
        return True
    try:
        return stat.S_ISFIFO(Path(device).stat().st_mode)
    except (OSError, ValueError):  # not there, or no path at all
        return False


def read_some(descriptor: int, name: str) -> bytes:
    """Return what a program has written, waiting a moment; raises `OSError` when it has ended."""
    if not select.select([descriptor], [], [], READ_TIMEOUT_S)[0]:
        return b""
    data = os.read(descriptor, _CHUNK)
    if not data:
        raise OSError(f"{name} has ended")
    return data


class PipeLine:
    """An open pipe. A named one outlives the program that writes to it, which may come back."""

    def __init__(self, device: str) -> None:
        self._name = "standard input" if device == STANDARD_INPUT else device
        if device == STANDARD_INPUT:
            self._descriptor = os.dup(sys.stdin.fileno())
        else:
            # reading and writing: the pipe then has no end when its writer goes
            self._descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)

    def read(self) -> bytes:
        """Return what has come in, waiting a moment; raises `OSError` when standard input has ended."""
        return read_some(self._descriptor, self._name)

    def write(self, data: bytes) -> None:
        """Refuse: a pipe has one direction."""
        raise OSError(f"{self._name} takes no requests; name its kind with --dongle, not {data!r}")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._descriptor)
