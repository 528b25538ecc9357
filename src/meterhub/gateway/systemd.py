"""Telling systemd that the service is ready and alive (sd_notify protocol), where it asks to be told."""

import os
import socket
from collections.abc import Mapping


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=…` or `STOPPING=1`; tell whether systemd was there to hear it."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd:
        try:
            to_systemd.connect("\0" + address[1:] if address[0] == "@" else address)
            to_systemd.sendall(state.encode())
        except OSError:
            return False
    return True
