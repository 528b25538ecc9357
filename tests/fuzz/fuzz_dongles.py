"""Fuzz target: no bytes may make a dongle's codec raise, keep more than it needs, or hand on what is no frame.

    python tests/fuzz/fuzz_dongles.py [libFuzzer options] [folders of inputs]

runs it under `atheris`, which the tests do not need; they call `check` themselves. What is found becomes a case
of the tests of that dongle.
"""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import reduce
from operator import xor

try:
    import atheris
except ModuleNotFoundError:
    atheris = None

with atheris.instrument_imports(include=["meterhub"]) if atheris else nullcontext():
    from meterhub.gateway.chunks import Splitter
    from meterhub.gateway.dongle import (
        MIN_FRAME_LENGTH,
        Codec,
        Conversation,
        DongleInfo,
        Event,
        LinkMode,
        ReceivedFrame,
        Request,
        Response,
        SetUpError,
    )
    from meterhub.gateway.dongles import dongle_models
    from meterhub.gateway.scanner import Scanner
    from meterhub.gateway.slip import slip_encode
    from meterhub.gateway.x25 import x25

    MODELS = tuple(dongle_models().values())

LONGEST_KEPT = 4_096
"""What a codec may keep of a message or line that has not ended [bytes]."""
LONGEST_FRAME = 256
Dress = Callable[[bytes], bytes]


def _with_x25(body: bytes) -> bytes:
    return body + x25(body).to_bytes(2, "little")


def _as_im871a(body: bytes) -> bytes:
    head = bytes((0x80 | body[0] & 0x6F, body[1], len(body) - 2 & 0xFF))
    return b"\xa5" + _with_x25(head + body[2:])


def _as_amber(body: bytes) -> bytes:
    message = bytes((0xFF, body[0], len(body) - 2 & 0xFF)) + body[1:]
    return message + bytes((reduce(xor, message),))


DRESSES: dict[str, Dress] = {
    "im871a": _as_im871a,
    "iu891a": lambda body: slip_encode(_with_x25(body)),
    "amber": _as_amber,
    "cul": lambda body: b"b" + body.hex().encode() + b"\r\n",
    "hex_lines": lambda body: body.hex().encode() + b"\n",
    "rtl_433": lambda body: b'{"mic": "CRC", "mode": "T", "data": "%s"}\n' % body.hex().encode(),
    "rtl_wmbus": lambda body: b"T1;1;1;;%d;;;0x%s\n" % (body[0] - 128, body[1:].hex().encode()),
}
"""How a message of any content gets past the checksum of each kind, where it has one."""


class Talk:
    """A conversation that is answered with whatever comes in."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._request: Request | None = None
        self.end: StopIteration | SetUpError | None = None
        self._go_on(None)

    def hear(self, event: Event) -> None:
        request = self._request
        if isinstance(event, Response) and request is not None and event.answer == request.answer:
            self._go_on(event)

    def answer(self, payload: bytes) -> None:
        if self._request is not None:
            self._go_on(Response(self._request.answer or "", payload))

    def _go_on(self, response: Response | None) -> None:
        try:
            self._request = self._conversation.send(response)  # type: ignore[arg-type]  # None begins it
            while self._request is not None and self._request.answer is None:
                self._request = self._conversation.send(Response("", b""))
        except (StopIteration, SetUpError) as end:
            self._request, self.end = None, end


def check(data: bytes) -> None:
    """Four bytes choose codec, link mode, chunks and dress; the rest is what the dongle says."""
    if len(data) < 6:
        return
    model = MODELS[data[0] % len(MODELS)]
    modes = sorted(model.link_modes)
    codec = model.new_codec()
    mode: LinkMode = modes[data[1] % len(modes)]
    talk = Talk(codec.identify() if data[1] & 0x80 else codec.set_up(mode))
    said = data[4:]
    if data[3] & 1 and model.name != "rc1180":  # whose answers must have a length that the codec sees to
        talk.answer(said)
        talk.answer(said[1:])
    dress = DRESSES.get(model.name)
    stream = dress(said) + said if data[3] & 2 and dress is not None else said
    size = data[2] or len(stream)
    for at in range(0, len(stream), size):
        _feed(codec, talk, stream[at : at + size])
    for event in codec.quiet():
        _look_at(event)
    if isinstance(talk.end, StopIteration):
        assert isinstance(talk.end.value, DongleInfo)
    assert _kept(codec) == 0 or model.name in {"rtl_433", "rtl_wmbus", "hex_lines"}


def _feed(codec: Codec, talk: Talk, chunk: bytes) -> None:
    for event in codec.feed(chunk):
        _look_at(event)
        talk.hear(event)
    assert _kept(codec) <= LONGEST_KEPT


def _look_at(event: Event) -> None:
    if not isinstance(event, ReceivedFrame):
        return
    assert MIN_FRAME_LENGTH < len(event.frame) <= LONGEST_FRAME
    assert event.frame[0] == len(event.frame) - 1
    assert event.rssi_dbm is None or event.rssi_dbm == float(event.rssi_dbm)


def _kept(codec: Codec) -> int:
    """Return how many bytes a codec has kept of what is not complete."""
    return sum(len(part._buffer) for part in vars(codec).values() if isinstance(part, Scanner | Splitter))


def main(arguments: list[str]) -> None:
    """Run until something is found, or as the options say."""
    if atheris is None:
        sys.exit("fuzz_dongles: needs the package atheris")
    atheris.Setup(arguments, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
