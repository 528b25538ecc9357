"""Talking to a dongle: writes a codec's requests to a line and waits for the response to each."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from meterhub.gateway.dongle import Codec, Conversation, DongleInfo, Event, Request, Response

ANSWER_TIMEOUT_S = 1.0
ATTEMPTS = 2
"""How often a request is written before its response is given up; only once while searching among kinds."""

Take = Callable[[Sequence[Event]], object]
"""Gets all that comes in meanwhile, telegrams among it."""


class SerialLine(Protocol):
    """A line to a dongle; every method raises `OSError` when it is lost."""

    def read(self) -> bytes:
        """Return what has come in, waiting for a moment."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """Close the line."""
        ...


class NoAnswerError(Exception):
    """The dongle did not answer a request in time."""


def ask(line: SerialLine, codec: Codec, request: Request, take: Take, attempts: int = ATTEMPTS) -> Response:
    """Write a request and return its response; raises `NoAnswerError`, or `OSError` when the line is lost."""
    if request.answer is None:
        line.write(request.data)
        take(codec.feed(line.read()))  # the pause lets it arrive before the line may be closed
        return Response("", b"")
    for _ in range(attempts):
        line.write(request.data)
        end = time.monotonic() + ANSWER_TIMEOUT_S
        while time.monotonic() < end:
            events = codec.feed(line.read())
            take(events)
            for event in events:
                if isinstance(event, Response) and event.answer == request.answer:
                    return event
    raise NoAnswerError(f"no answer to {request.name}")


def converse(
    line: SerialLine, codec: Codec, conversation: Conversation, take: Take, *, searching: bool
) -> DongleInfo:
    """Hold a codec's conversation to its end; a search does not repeat its first question.

    Raises `NoAnswerError`, `SetUpError`, or `OSError` when the line is lost.
    """
    attempts = 1 if searching else ATTEMPTS
    try:
        request = next(conversation)
        while True:
            response = ask(line, codec, request, take, attempts)
            attempts = ATTEMPTS
            request = conversation.send(response)
    except StopIteration as stop:
        info: DongleInfo = stop.value
        return info
