"""CUL and nanoCUL with culfw: lines of text, 38400 8N1.

A telegram is a line `b` and hex of frame format A, or `bY` and hex of format B, both with link-layer CRCs,
then two bytes: link quality, and signal strength. The CRCs are checked and removed here.

Checklist: commands and line format from public protocol notes; `X21` (append quality and strength) is not
answered, so it travels with the link mode; lines of odd length are cut off by the firmware (above 110 or 148
bytes) and dropped; the stick's own number is unknown; not yet tried on a real stick.
"""

from dataclasses import replace

from meterhub.gateway.chunks import Splitter
from meterhub.gateway.dongle import (
    Conversation,
    DongleInfo,
    DongleModel,
    Event,
    Garbage,
    LinkMode,
    ReceivedFrame,
    Request,
    Response,
)
from meterhub.wmbus import FrameError, strip_crc

MODE_COMMANDS = {LinkMode.S1: ("brs", "SMODE"), LinkMode.T1: ("brt", "TMODE"), LinkMode.CT: ("brc", "CMODE")}
_MAX_LINE = 1024


def rssi_to_dbm(raw: int) -> float:
    """Return the signal strength of an RSSI byte [dBm]."""
    return (raw - 256 if raw >= 128 else raw) / 2 - 74


class CUL:
    """Codec of culfw sticks."""

    def __init__(self) -> None:
        self._splitter = Splitter(b"\n", _MAX_LINE)
        self._mode: LinkMode | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes; return the telegrams and responses of the lines that became complete."""
        lines = (line.strip() for line in self._splitter.feed(data))
        return [self._event(line) for line in lines if line]

    def _event(self, line: bytes) -> Event:
        if line[:1] == b"b":
            return self._telegram(line)
        if b"CUL" in line:
            return Response("V", line)
        for _, answer in MODE_COMMANDS.values():
            if line == answer.encode():
                return Response(answer, line)
        return Garbage(line, "no known line")

    def _telegram(self, line: bytes) -> Event:
        format_b = line[:2] == b"bY"
        try:
            data = bytes.fromhex(line[2 if format_b else 1 :].decode("ascii"))
        except ValueError:
            return Garbage(line, "line cut off or no hex")
        if len(data) < 3:
            return Garbage(line, "line without a frame")
        try:
            link_frame = strip_crc(data[:-2])
        except FrameError as error:
            return Garbage(line, str(error))
        if link_frame.format == "trimmed":
            return Garbage(line, "frame whose CRCs do not match")
        mode = LinkMode.C1 if format_b else self._mode
        return ReceivedFrame(link_frame.frame, rssi_to_dbm(data[-1]), data[-1], mode)

    def quiet(self) -> list[Event]:
        """Give up on a line that did not end."""
        rest = self._splitter.rest()
        return [Garbage(rest, "line cut off")] if rest else []

    def identify(self) -> Conversation:
        """Ask for the version; the link mode cannot be asked for."""
        # the first line end finishes what a search for other dongles has left in the stick's input
        version = (yield Request("version", b"\r\nV\r\n", "V")).payload
        return DongleInfo("CUL", "", version.decode("ascii", "replace"), "")

    def set_up(self, mode: LinkMode) -> Conversation:
        """Ask for the version, switch the link mode and the signal strength on."""
        info = yield from self.identify()
        command, answer = MODE_COMMANDS[mode]
        yield Request(f"link mode {mode} ({command})", f"X21\r\n{command}\r\n".encode(), answer)
        self._mode = mode
        return replace(info, link_mode=mode)

    def reset(self) -> None:
        """Return nothing: opening the line anew and setting the mode is all that helps."""


DONGLE = DongleModel(
    name="cul",
    title="CUL, nanoCUL",
    baudrate=38400,
    link_modes=frozenset(MODE_COMMANDS),
    new_codec=CUL,
    probe_order=40,
    usb_ids=frozenset({(0x0403, 0x6001), (0x03EB, 0x204B)}),
)
