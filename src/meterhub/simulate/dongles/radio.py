"""What all simulated dongles share: a port, the air, and meters that repeat themselves.

What `transmit` accepts is counted in `sent` once it has been written to the line in full. That is not yet safe:
bytes in the kernel's buffer are lost when the reading program dies, as they are on a real port. Real meters make
up for it by repeating their telegram every few seconds; `repeat` does the same for what went out lately.
"""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from meterhub.simulate.dongles.pseudo_terminal import PseudoTerminal

_REMEMBERED = 50_000


class SimulatedDongle(ABC):
    """A dongle on a pseudo-terminal; safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self._recent: deque[tuple[float, bytes, float, str]] = deque(maxlen=_REMEMBERED)
        self.sent = 0
        """Telegrams written to the line in full."""
        self.unheard = 0
        """Telegrams lost on the air: dongle unplugged, at fault or in another link mode."""
        self.fault: Literal["deaf", "hung"] | None = None
        """`deaf`: answers but hears nothing until reset; `hung`: does nothing at all until unplugged."""
        self._power_up()
        self._port = PseudoTerminal(name, self._take)

    @abstractmethod
    def _power_up(self) -> None:
        """Forget everything volatile."""

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Take in bytes from the host and answer the requests in them."""

    @abstractmethod
    def _hears(self, link_mode: str) -> bool:
        """Tell whether the dongle is set to a mode in which it hears a meter of this mode."""

    @abstractmethod
    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:
        """Return what the dongle writes for a frame."""

    @property
    def device_path(self) -> str:
        """Path to open; the same after `replug`."""
        return self._port.device_path

    def transmit(self, frame: bytes, rssi_dbm: float = -70.0, link_mode: str = "T1") -> bool:
        """Send a frame (L field first, no CRCs) through the air; tell whether the dongle heard it.

        Waits while the outbox is full, which is when no program reads.
        """
        if frame[0] != len(frame) - 1:
            raise ValueError(f"L field says {frame[0]} bytes, {len(frame) - 1} follow")

        def written() -> None:
            self.sent += 1
            self._recent.append((time.monotonic(), frame, rssi_dbm, link_mode))

        heard = not self.fault and self._port.plugged and self._hears(link_mode)
        if heard and self._port.write(self._encode(frame, rssi_dbm, link_mode), written):
            return True
        self.unheard += 1
        return False

    def repeat(self, last_s: float) -> int:
        """Transmit again what went out in the last seconds, as meters do; return how many were heard."""
        since = time.monotonic() - last_s
        again = [item for item in list(self._recent) if item[0] >= since]
        return sum(self.transmit(*item[1:]) for item in again)

    def inject(self, noise: bytes) -> None:
        """Put bytes on the line that belong to no message."""
        self._port.write(noise)

    def drain(self, timeout_s: float = 60.0) -> bool:
        """Wait until everything accepted has been written to the line; tell whether it has."""
        return self._port.drain(timeout_s)

    def wait_until_hearing(self, link_mode: str, timeout_s: float = 60.0) -> bool:
        """Wait until the dongle is set to hear meters of a mode; tell whether it is."""
        return self._wait_for(lambda: self._hears(link_mode), timeout_s)

    @staticmethod
    def _wait_for(condition: Callable[[], bool], timeout_s: float) -> bool:
        end = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        return condition()

    def unplug(self) -> None:
        """Pull the dongle out: its port vanishes, its volatile configuration and any fault are gone."""
        self._port.unplug()
        self.fault = None
        self._power_up()

    def replug(self) -> None:
        """Put the dongle back in; it starts anew."""
        self._port.plug()

    def close(self) -> None:
        """End the simulation."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self, data: bytes) -> None:
        """Answer the host, ahead of telegrams that wait, unless the dongle is hung."""
        if self.fault != "hung":
            self._port.write(data, first=True)

    def _restart(self) -> None:
        """Do what a reset does: a dongle that was deaf hears again."""
        if self.fault == "deaf":
            self.fault = None
        self._power_up()
