"""Byte streams of dongles, kept in `firmware_fixtures/_dongles/KIND/`, and what must come of them.

`stream.hex` holds the bytes, with a line of comment before each piece; `expected.json` holds the set-up that
came before (what was sent, what was received) and the events. `python -m tests.gateway.dongles.recordings KIND`
prints the events that the codec makes of a stream: compare each with what the dongle's maker says, then keep them.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meterhub.gateway.dongle import Codec, DongleInfo, Event, Garbage, LinkMode, ReceivedFrame, Response
from meterhub.gateway.dongles import dongle_models

ROOT = Path(__file__).parents[3] / "firmware_fixtures" / "_dongles"


@dataclass(frozen=True)
class Recording:
    kind: str
    origin: str
    link_mode: LinkMode
    exchange: list[dict[str, str]]
    found: dict[str, str]
    stream: bytes
    events: list[dict[str, Any]]


def recordings() -> list[Recording]:
    return [load(folder.name) for folder in sorted(ROOT.iterdir())]


def load(kind: str) -> Recording:
    expected = json.loads((ROOT / kind / "expected.json").read_text())
    lines = (ROOT / kind / "stream.hex").read_text().splitlines()
    stream = bytes.fromhex("".join(line for line in lines if not line.startswith("#")))
    set_up = expected["set_up"]
    mode = LinkMode(set_up["link_mode"])
    return Recording(
        kind, expected["origin"], mode, set_up["exchange"], set_up["found"], stream, expected["events"]
    )


def a_codec_set_up(recording: Recording) -> tuple[Codec, DongleInfo]:
    """Hold the recorded conversation with a new codec; every request must be the recorded one."""
    codec = dongle_models()[recording.kind].new_codec()
    conversation = codec.set_up(recording.link_mode)
    exchange = iter(recording.exchange)
    try:
        request = next(conversation)
        while True:
            step = next(exchange)
            assert request.data.hex().upper() == step["sent"], request.name
            answers = codec.feed(bytes.fromhex(step["received"]))
            matching = [e for e in answers if isinstance(e, Response) and e.answer == request.answer]
            request = conversation.send(matching[0] if request.answer else Response("", b""))
    except StopIteration as stop:
        found: DongleInfo = stop.value
    assert next(exchange, None) is None
    return codec, found


def events_of(recording: Recording, chunks: Iterable[bytes]) -> list[dict[str, Any]]:
    codec, _ = a_codec_set_up(recording)
    events = [event for chunk in chunks for event in codec.feed(chunk)]
    return as_json([*events, *codec.quiet()])


def as_json(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Write events as `expected.json` does; noise that no event divides is one piece, however it was cut."""
    written: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Garbage):
            if not (written and "noise" in written[-1]):
                written.append({"noise": ""})
            written[-1]["noise"] += event.data.hex().upper()
        elif isinstance(event, Response):
            written.append({"response": event.answer, "payload": event.payload.hex().upper()})
        else:
            written.append(_frame(event))
    return written


def _frame(event: ReceivedFrame) -> dict[str, Any]:
    told = {name: value for name, value in asdict(event).items() if value is not None}
    if event.rssi_dbm is not None:
        told["rssi_dbm"] = round(event.rssi_dbm, 2)
    return told | {"frame": event.frame.hex().upper()}


if __name__ == "__main__":
    asked = load(sys.argv[1])
    sys.stdout.write(json.dumps(events_of(asked, [asked.stream]), indent=1) + "\n")
