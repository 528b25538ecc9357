"""A simulated IMST iM871A: answers as the stick does and emits telegrams as it is configured to.

It starts in its factory link mode with RSSI and time stamps off, forgets its configuration on reset and on
`unplug`, and hears only frames of the link mode it is set to.
"""

import time
from collections import deque

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
from meterhub.simulate.dongles.radio import SimulatedDongle

FACTORY_LINK_MODE = 0x02
"""S2; that a real stick leaves the factory so is an assumption."""
TIME_FIELD = 13
HEARD = {
    "S1": {0x00, 0x01, 0x02},
    "T1": {0x03, 0x04, 0x0A},
    "C1": {0x06, 0x07, 0x08, 0x09, 0x0A},
}
"""Link modes of the stick that hear a meter of each mode."""


class SimulatedIM871A(SimulatedDongle):
    """One stick."""

    def __init__(self, *, serial: int = 0x22001234, firmware: int = 0x14, module_type: int = MODULE_TYPE) -> None:
        self._identity = (serial, firmware, module_type)
        self._config: dict[int, bytes] = {}
        self._buffer = bytearray()
        self._started_at = time.monotonic()
        self.requests: deque[tuple[int, int]] = deque(maxlen=1000)
        """Endpoint and number of the latest requests."""
        super().__init__("im871a")

    @property
    def link_mode(self) -> int:
        """Code of the link mode that the stick is set to."""
        return self._config[LINK_MODE_FIELD][0]

    def wait_for_link_mode(self, code: int, timeout_s: float = 60.0) -> bool:
        """Wait until the stick has been set to a link mode; tell whether it has."""
        return self._wait_for(lambda: self.link_mode == code, timeout_s)

    def _power_up(self) -> None:
        sizes = CONFIG_FIELDS_1 + CONFIG_FIELDS_2
        self._config = {field: bytes(size) for field, size in enumerate(sizes)}
        self._config[LINK_MODE_FIELD] = bytes((FACTORY_LINK_MODE,))
        self._buffer.clear()

    def _hears(self, link_mode: str) -> bool:
        return self.link_mode in HEARD[link_mode]

    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:  # noqa: ARG002 - not told by the stick
        ticks = rssi_raw = None
        if self._config[TIME_FIELD] == b"\x01":
            ticks = int((time.monotonic() - self._started_at) * 1000) & 0xFFFFFFFF
        if self._config[RSSI_FIELD] == b"\x01":
            rssi_raw = min(255, max(0, round((rssi_dbm + 126.67) * 150 / 80)))
        return build(Message(RADIO, TELEGRAM, frame[1:], ticks, rssi_raw), crc=True)

    def _take(self, data: bytes) -> None:
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
            if (answer := self._answer(request)) is not None:
                self._reply(build(Message(DEVICE, request.number + 1, answer), crc=True))

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
                self._restart()
                return b""
        return None
