"""Keeps one dongle receiving: opens the line, finds and configures the dongle, reads, and starts again.

What is heard goes to `store` at once, one call for what one read yielded: between the dongle and the disk
lie only the operating system's buffer and one commit. Telegrams that come in while the dongle is being
configured are stored as well.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from meterhub.gateway.dongle import (
    Codec,
    DongleInfo,
    DongleModel,
    Event,
    Garbage,
    LinkMode,
    ReceivedFrame,
    Request,
    Response,
    SetUpError,
)
from meterhub.gateway.spool import HeardTelegram

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 1.0
ATTEMPTS = 2
"""How often a request is written before its response is given up; only once while searching among kinds."""
QUIET_AFTER_S = 1.0
"""Silence after which an incomplete message counts as noise."""
GARBAGE_LIMIT = 20
"""Stretches of noise in a row after which the line is opened anew."""
REOPEN_FIRST_S, REOPEN_LIMIT_S = 0.5, 30.0
SILENCE_LIMIT_S = 4 * 3600.0
"""Longest wait between resets of a receiver that hears nothing: frequent resets have hung modules."""

Store = Callable[[Sequence[HeardTelegram]], object]


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


class LineTroubleError(Exception):
    """The line or the dongle must be started anew; the message says why."""


class Receiver:
    """One dongle on one line; `run` is its thread."""

    def __init__(
        self,
        open_line: Callable[[int], SerialLine],
        models: Sequence[DongleModel],
        mode: LinkMode,
        store: Store,
        *,
        silence_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_line = open_line
        self._models = list(models)
        self._mode = mode
        self._store = store
        self._silence_s = silence_s
        self._monotonic = monotonic
        self._resets = 0
        self.heard = 0
        """Frames received since the start."""
        self.garbage = 0
        """Stretches of noise on the line since the start."""
        self.dongle: DongleInfo | None = None
        """The dongle that is receiving now."""

    def run(self, stop: threading.Event) -> None:
        """Receive until told to stop, through every loss of line or dongle."""
        pause, complaint = REOPEN_FIRST_S, ""
        while not stop.is_set():
            try:
                line, codec = self._connect(stop)
            except (OSError, NoAnswerError, SetUpError) as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning("no dongle: %s; trying again", complaint)
                stop.wait(pause)
                pause = min(pause * 2, REOPEN_LIMIT_S)
                continue
            pause, complaint = REOPEN_FIRST_S, ""
            try:
                self._receive(line, codec, stop)
            except (OSError, LineTroubleError) as error:
                log.warning("dongle lost: %s", error)
                stop.wait(REOPEN_FIRST_S)
            finally:
                self.dongle = None
                line.close()

    def _connect(self, stop: threading.Event) -> tuple[SerialLine, Codec]:
        """Find the first kind of dongle that answers; it is the first to be tried the next time."""
        complaints = []
        for model in list(self._models):
            if stop.is_set():
                break
            if self._mode not in model.link_modes:
                complaints.append(f"{model.title} has no link mode {self._mode}")
                continue
            line = self._open_line(model.baudrate)
            try:
                codec = model.new_codec()
                self.dongle = self._set_up(line, codec)
            except NoAnswerError as error:
                line.close()
                complaints.append(f"{model.title}: {error}")
                continue
            except BaseException:
                line.close()
                raise
            self._models.remove(model)
            self._models.insert(0, model)
            info = self.dongle
            log.info("%s %s, firmware %s, listens to %s", info.model, info.serial, info.firmware, info.link_mode)
            return line, codec
        raise NoAnswerError("; ".join(complaints))

    def _set_up(self, line: SerialLine, codec: Codec) -> DongleInfo:
        conversation = codec.set_up(self._mode)
        attempts = ATTEMPTS if len(self._models) == 1 else 1
        try:
            request = next(conversation)
            while True:
                response = self._ask(line, codec, request, attempts)
                attempts = ATTEMPTS
                request = conversation.send(response)
        except StopIteration as stop:
            info: DongleInfo = stop.value
            return info

    def _ask(self, line: SerialLine, codec: Codec, request: Request, attempts: int = ATTEMPTS) -> Response:
        """Write a request and wait for its response; what else comes in meanwhile is taken as usual."""
        if request.answer is None:
            line.write(request.data)
            return Response("", b"")
        for _ in range(attempts):
            line.write(request.data)
            end = self._monotonic() + ANSWER_TIMEOUT_S
            while self._monotonic() < end:
                events = codec.feed(line.read())
                self._take(events)
                for event in events:
                    if isinstance(event, Response) and event.answer == request.answer:
                        return event
        raise NoAnswerError(f"no answer to {request.name}")

    def _take(self, events: Sequence[Event]) -> int:
        """Store the frames among the events, in one call; return how many there were."""
        received_at = datetime.now(UTC)
        telegrams = [_telegram(event, received_at) for event in events if isinstance(event, ReceivedFrame)]
        if telegrams:
            self._store(telegrams)
            self.heard += len(telegrams)
        self.garbage += sum(isinstance(event, Garbage) for event in events)
        return len(telegrams)

    def _receive(self, line: SerialLine, codec: Codec, stop: threading.Event) -> None:
        """Read until stopped; raises `LineTroubleError` or `OSError` when the dongle must be started anew."""
        heard_at = read_at = self._monotonic()
        garbage_before = self.garbage
        while not stop.is_set():
            data = line.read()
            now = self._monotonic()
            if data:
                read_at = now
                events = codec.feed(data)
            else:
                self._store(())
                events = codec.quiet() if now - read_at >= QUIET_AFTER_S else []
            if self._take(events):
                heard_at, self._resets, garbage_before = now, 0, self.garbage
            if self.garbage - garbage_before >= GARBAGE_LIMIT:
                raise LineTroubleError(f"{GARBAGE_LIMIT} stretches of noise in a row")
            if now - heard_at >= min(self._silence_s * 2**self._resets, SILENCE_LIMIT_S):
                self._resets += 1
                self._reset(line, codec)
                raise LineTroubleError(f"no telegram for {now - heard_at:.0f} s; it was reset")

    def _reset(self, line: SerialLine, codec: Codec) -> None:
        request = codec.reset()
        if request is not None:
            try:
                self._ask(line, codec, request)
            except NoAnswerError as error:
                log.warning("dongle does not even answer a reset: %s", error)


def _telegram(event: ReceivedFrame, received_at: datetime) -> HeardTelegram:
    rssi_dbm = None if event.rssi_dbm is None else round(event.rssi_dbm)
    return HeardTelegram(event.frame, received_at, rssi_dbm, event.link_mode)
