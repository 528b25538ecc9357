"""A simulated CUL with culfw: commands and telegrams are lines of text, telegrams keep their CRCs."""

from meterhub.gateway.chunks import Splitter
from meterhub.gateway.dongles.cul import MODE_COMMANDS
from meterhub.simulate.dongles.radio import SimulatedDongle
from meterhub.wmbus.dll import add_crc_a, add_crc_b

HEARD = {"brs": {"S1"}, "brt": {"T1"}, "brc": {"T1", "C1"}, "": set()}
LINK_QUALITY = 65


class SimulatedCUL(SimulatedDongle):
    """One stick; meters in mode C1 send frame format B, all others A."""

    def __init__(self, *, version: str = "V 1.67 nanoCUL868") -> None:
        self._version = version
        self._answers = {command.encode(): answer for command, answer in MODE_COMMANDS.values()}
        self._command = ""
        self._appends = False
        self._splitter = Splitter(b"\n", 256)
        super().__init__("cul")

    def _power_up(self) -> None:
        self._command, self._appends = "", False
        self._splitter.rest()

    def _hears(self, link_mode: str) -> bool:
        return link_mode in HEARD[self._command]

    def _encode(self, frame: bytes, rssi_dbm: float, link_mode: str) -> bytes:
        head, data = (b"bY", add_crc_b(frame)) if link_mode == "C1" else (b"b", add_crc_a(frame))
        tail = bytes((LINK_QUALITY << 1, round((rssi_dbm + 74) * 2) & 0xFF)) if self._appends else b""
        return head + (data + tail).hex().upper().encode() + b"\r\n"

    def _take(self, data: bytes) -> None:
        for line in self._splitter.feed(data):
            command = line.strip()
            if command == b"V":
                self._reply(f"{self._version}\r\n".encode())
            elif command == b"X21":
                self._appends = True
            elif command in self._answers:
                self._command = command.decode()
                self._reply(f"{self._answers[command]}\r\n".encode())
