"""Keeps one dongle receiving: opens the line, finds and configures the dongle, reads, and starts again.

What is heard goes to `store` at once, one call for what one read yielded: between the dongle and the disk
lie only the operating system's buffer and one commit. Telegrams that come in while the dongle is being
configured are stored as well.

Whatever a dongle, its line or its codec does ends in another attempt and is told under the receiver's name;
only a store that fails ends the thread, since then no receiver can work.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from meterhub.gateway.dialogue import NoAnswerError, SerialLine, ask, converse
from meterhub.gateway.dongle import (
    Codec,
    DongleInfo,
    DongleModel,
    Event,
    Garbage,
    LinkMode,
    ReceivedFrame,
    SetUpError,
)
from meterhub.gateway.spool import HeardTelegram

log = logging.getLogger(__name__)

QUIET_AFTER_S = 1.0
"""Silence after which an incomplete message counts as noise."""
GARBAGE_LIMIT = 20
"""Stretches of noise in a row after which the line is opened anew."""
REOPEN_FIRST_S, REOPEN_LIMIT_S = 0.5, 30.0
SILENCE_LIMIT_S = 4 * 3600.0
"""Longest wait between resets of a receiver that hears nothing: frequent resets have hung modules."""
PLAUSIBLE_DBM = range(-200, 51)
"""Signal strengths that the hub takes; what is outside is a fault of the receiver [dBm]."""

Store = Callable[[Sequence[HeardTelegram]], object]


class LineTroubleError(Exception):
    """The line or the dongle must be started anew; the message says why."""


class StoreError(Exception):
    """Telegrams cannot be stored, on disk or in memory; its cause says why."""


class Receiver:
    """One dongle on one line; `run` is its thread."""

    def __init__(
        self,
        name: str,
        open_line: Callable[[int], SerialLine],
        models: Sequence[DongleModel],
        mode: LinkMode,
        store: Store,
        *,
        silence_s: float,
        reopen_limit_s: float = REOPEN_LIMIT_S,
    ) -> None:
        self.name = name
        """What the log calls it."""
        self._open_line = open_line
        self.models = list(models)
        self.mode = mode
        """What it shall listen to."""
        self._store = store
        self._silence_s = silence_s
        self._reopen_limit_s = reopen_limit_s
        self._pause, self._complaint = REOPEN_FIRST_S, ""
        self._resets = 0
        self.heard = 0
        """Frames received since the start."""
        self.garbage = 0
        """Stretches of noise on the line since the start."""
        self.dongle: DongleInfo | None = None
        """The dongle that is receiving now."""

    def run(self, stop: threading.Event) -> None:
        """Receive until told to stop, through every loss of line or dongle; raises `StoreError`."""
        while not stop.is_set():
            try:
                self._open_and_receive(stop)
            except (OSError, LineTroubleError, NoAnswerError, SetUpError) as error:
                self._complain(str(error))
            except StoreError:
                raise
            except Exception:
                # a fault in one dongle's codec must not silence the others
                log.exception("%s: internal error, please report it; starting the dongle anew", self.name)
                self._pause = self._reopen_limit_s
            self.dongle = None
            stop.wait(self._pause)
            self._pause = min(self._pause * 2, self._reopen_limit_s)

    def _complain(self, reason: str) -> None:
        if self.dongle is not None:
            log.warning("%s: dongle lost: %s", self.name, reason)
        elif reason != self._complaint:
            self._complaint = reason
            log.warning("%s: no dongle: %s; trying again", self.name, reason)

    def _open_and_receive(self, stop: threading.Event) -> None:
        """Work with the first kind of dongle that answers; it is the first to be tried the next time."""
        complaints = []
        for model in list(self.models):
            if stop.is_set():
                return
            if self.mode not in model.link_modes:
                complaints.append(f"{model.title} has no link mode {self.mode}")
                continue
            line = self._open_line(model.baudrate)
            try:
                codec = model.new_codec()
                try:
                    self._set_up(line, codec)
                except NoAnswerError as error:
                    complaints.append(f"{model.title}: {error}")
                    continue
                self.models.remove(model)
                self.models.insert(0, model)
                self._receive(line, codec, stop)
                return
            finally:
                line.close()
        raise NoAnswerError("; ".join(complaints))

    def _set_up(self, line: SerialLine, codec: Codec) -> None:
        searching = len(self.models) > 1
        info = converse(line, codec, codec.set_up(self.mode), self._take, searching=searching)
        self.dongle = info
        self._pause, self._complaint = REOPEN_FIRST_S, ""
        firmware = f", firmware {info.firmware}" if info.firmware else ""
        log.info("%s: %s%s, listens to %s", self.name, title(info), firmware, info.link_mode)

    def _take(self, events: Sequence[Event]) -> int:
        """Store the frames among the events, in one call; return how many there were."""
        received_at = datetime.now(UTC)
        telegrams = [_telegram(event, received_at) for event in events if isinstance(event, ReceivedFrame)]
        if telegrams:
            self._put_away(telegrams)
            self.heard += len(telegrams)
        self.garbage += sum(isinstance(event, Garbage) for event in events)
        return len(telegrams)

    def _put_away(self, telegrams: Sequence[HeardTelegram]) -> None:
        try:
            self._store(telegrams)
        except Exception as error:
            raise StoreError(f"telegrams of {self.name} cannot be stored: {error}") from error

    def _receive(self, line: SerialLine, codec: Codec, stop: threading.Event) -> None:
        """Read until stopped; raises `LineTroubleError` or `OSError` when the dongle must be started anew."""
        heard_at = read_at = time.monotonic()
        garbage_before = self.garbage
        while not stop.is_set():
            data = line.read()
            now = time.monotonic()
            if data:
                read_at = now
                events = codec.feed(data)
            else:
                self._put_away(())
                events = codec.quiet() if now - read_at >= QUIET_AFTER_S else []
            if self._take(events):
                heard_at, self._resets, garbage_before = now, 0, self.garbage
            if self.garbage - garbage_before >= GARBAGE_LIMIT:
                raise LineTroubleError(f"{GARBAGE_LIMIT} stretches of noise in a row")
            if now - heard_at >= min(self._silence_s * 2**self._resets, SILENCE_LIMIT_S):
                self._resets += 1
                self._reset(line, codec)
                raise LineTroubleError(f"no telegram for {now - heard_at:.0f} s; starting it anew")

    def _reset(self, line: SerialLine, codec: Codec) -> None:
        request = codec.reset()
        if request is not None:
            try:
                ask(line, codec, request, self._take)
            except NoAnswerError as error:
                log.warning("%s: dongle does not even answer a reset: %s", self.name, error)


def title(info: DongleInfo) -> str:
    """Return a dongle's model with its own number, if it has one."""
    return f"{info.model} {info.serial}".rstrip()


def _telegram(event: ReceivedFrame, received_at: datetime) -> HeardTelegram:
    rssi_dbm = None if event.rssi_dbm is None else round(event.rssi_dbm)
    return HeardTelegram(
        event.frame, received_at, rssi_dbm if rssi_dbm in PLAUSIBLE_DBM else None, event.link_mode
    )
