"""A simulated IMST iM871A: answers as the stick does and emits telegrams as it is configured to.

It starts in its factory link mode with RSSI and time stamps off, forgets its configuration on reset and on
`unplug`, and hears only frames of the link mode it is set to. What `transmit` accepts is counted in `sent`
once it has been written to the line in full. That is not yet safe: bytes in the kernel's buffer are lost
when the reading program dies, as they are on a real port. Real meters make up for it by repeating their
telegram every few seconds; `repeat` does the same for what went out lately.
"""

import time
from collections import deque
from types import TracebackType
from typing import Literal, Self

from meterhub.gateway.dongles.im871a import (
    CONFIG_FIELDS_1,
    CONFIG_FIELDS_2,
    DEVICE,
    LINK_MODE_FIELD,
    MODULE_TYPE,
    RADIO,
    RSSI_FIELD,
    START,
    TELEGRAM,
    DeviceMessage,
    Message,
    build,
    message_length,
    parse,
    parse_config,
)
from meterhub.simulate.dongles.pseudo_terminal import PseudoTerminal

FACTORY_LINK_MODE = 0x02
"""S2; that a real stick leaves the factory so is an assumption."""
TIME_FIELD = 13
HEARD = {
    "S1": {0x00, 0x01, 0x02},
    "T1": {0x03, 0x04, 0x0A},
    "C1": {0x06, 0x07, 0x08, 0x09, 0x0A},
}
"""Link modes of the stick that hear a meter of each mode."""


class SimulatedIM871A:
    """One stick on a pseudo-terminal; safe to use from several threads."""

    def __init__(
        self, *, serial: int = 0x22001234, firmware: int = 0x14, module_type: int = MODULE_TYPE
    ) -> None:
        self._identity = (serial, firmware, module_type)
        self._config: dict[int, bytes] = {}
        self._buffer = bytearray()
        self._recent: deque[tuple[float, bytes, float, str]] = deque(maxlen=50_000)
        self._started_at = time.monotonic()
        self.sent = 0
        """Telegrams written to the line in full."""
        self.unheard = 0
        """Telegrams lost on the air: stick unplugged, at fault or in another link mode."""
        self.requests: deque[tuple[int, int]] = deque(maxlen=1000)
        """Endpoint and number of the latest requests."""
        self.fault: Literal["deaf", "hung"] | None = None
        """`deaf`: answers but hears nothing until reset; `hung`: does nothing at all until unplugged."""
        self._power_up()
        self._port = PseudoTerminal("im871a", self._take)

    @property
    def device_path(self) -> str:
        """Path to open; the same after `replug`."""
        return self._port.device_path

    @property
    def link_mode(self) -> int:
        """Code of the link mode that the stick is set to."""
        return self._config[LINK_MODE_FIELD][0]

    def _power_up(self) -> None:
        sizes = CONFIG_FIELDS_1 + CONFIG_FIELDS_2
        self._config = {field: bytes(size) for field, size in enumerate(sizes)}
        self._config[LINK_MODE_FIELD] = bytes((FACTORY_LINK_MODE,))
        self._buffer.clear()

    def transmit(self, frame: bytes, rssi_dbm: float = -70.0, link_mode: str = "T1") -> bool:
        """Send a frame (L field first, no CRCs) through the air; tell whether the stick heard it.

        Waits while the outbox is full, which is when no program reads.
        """
        if frame[0] != len(frame) - 1:
            raise ValueError(f"L field says {frame[0]} bytes, {len(frame) - 1} follow")
        if self.fault or not self._port.plugged or self.link_mode not in HEARD[link_mode]:
            self.unheard += 1
            return False
        ticks = rssi_raw = None
        if self._config[TIME_FIELD] == b"\x01":
            ticks = int((time.monotonic() - self._started_at) * 1000) & 0xFFFFFFFF
        if self._config[RSSI_FIELD] == b"\x01":
            rssi_raw = min(255, max(0, round((rssi_dbm + 126.67) * 150 / 80)))
        data = build(Message(RADIO, TELEGRAM, frame[1:], ticks, rssi_raw), crc=True)

        def written() -> None:
            self.sent += 1
            self._recent.append((time.monotonic(), frame, rssi_dbm, link_mode))

        if not self._port.write(data, written):
            self.unheard += 1
            return False
        return True

    def repeat(self, last_s: float) -> int:
        """Transmit again what went out in the last seconds, as meters do; return how many were heard."""
        since = time.monotonic() - last_s
        again = [item for item in list(self._recent) if item[0] >= since]
        return sum(self.transmit(*item[1:]) for item in again)

    def inject(self, noise: bytes) -> None:
        """Put bytes on the line that belong to no message."""
        self._port.write(noise)

    def drain(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything accepted has been written to the line; tell whether it has."""
        return self._port.drain(timeout_s)

    def wait_for_link_mode(self, code: int, timeout_s: float = 10.0) -> bool:
        """Wait until the stick has been set to a link mode; tell whether it has."""
        end = time.monotonic() + timeout_s
        while self.link_mode != code and time.monotonic() < end:
            time.sleep(0.01)
        return self.link_mode == code

    def unplug(self) -> None:
        """Pull the stick out: its port vanishes, its volatile configuration and any fault are gone."""
        self._port.unplug()
        self.fault = None
        self._power_up()

    def replug(self) -> None:
        """Put the stick back in; it starts as from the factory."""
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

    def _take(self, data: bytes) -> None:
        """Take in bytes from the host and answer the requests in them."""
        self._buffer += data
        while self._buffer:
            if self._buffer[0] != START:
                del self._buffer[0]
                continue
            if len(self._buffer) < 4 or len(self._buffer) < (length := message_length(self._buffer)):
                return
            request = parse(bytes(self._buffer[:length]))
            if request is None:
                del self._buffer[0]
                continue
            del self._buffer[:length]
            self.requests.append((request.endpoint, request.number))
            if self.fault != "hung" and (answer := self._answer(request)) is not None:
                number = request.number + 1
                self._port.write(build(Message(DEVICE, number, answer), crc=True), first=True)

    def _answer(self, request: Message) -> bytes | None:
        """Carry out a request; return the payload of its response, None for what the stick ignores."""
        if request.endpoint != DEVICE:
            return None
        match request.number:
            case DeviceMessage.PING:
                return b""
            case DeviceMessage.DEVICE_INFO:
                serial, firmware, module_type = self._identity
                return bytes((module_type, 0, firmware, 0x0C)) + serial.to_bytes(4, "little")
            case DeviceMessage.SET_CONFIG:
                self._config.update(parse_config(request.payload[1:]))
                return b""
            case DeviceMessage.GET_CONFIG:
                first = b"".join(self._config[field] for field in range(8))
                second = b"".join(self._config[field] for field in range(8, 16))
                return b"\xff" + first + b"\xff" + second
            case DeviceMessage.RESET | DeviceMessage.FACTORY_RESET:
                if self.fault == "deaf":
                    self.fault = None
                self._power_up()
                return b""
        return None
