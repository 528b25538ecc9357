"""Between the receivers and the spool: thins what they hear, if it is asked to, and remembers across restarts.

What waits for the end of its quarter or hour is in the spool's file all the same, so nothing that was heard can be
lost by a restart. With `Keep.ALL` and no list everything goes straight through.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from meterhub.gateway.spool import HeardTelegram, Spool
from meterhub.gateway.thinning import STEP, Keep, Waiting, due, look, offer

FORGET_AFTER = timedelta(days=3)
"""A kind of telegram that was not heard for so long is heard as if for the first time."""
KINDS_LIMIT = 100_000
"""Kinds of telegrams that are thinned; what comes beyond goes as it is."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which telegrams are kept; `listed` are the meters to keep, None for all."""

    keep: Keep = Keep.ALL
    listed: frozenset[tuple[str, str]] | None = None


class Intake:
    """Takes what receivers hear, from several threads."""

    def __init__(
        self, spool: Spool, rules: Rules, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._spool = spool
        self._now = now
        self._mutex = threading.Lock()
        self._known = dict(spool.known())
        self.rules = rules
        self.thinned = 0
        """Telegrams heard since the start of which a later one was kept in their place."""
        self.unlisted = 0
        """Telegrams heard since the start whose meter is not on the list."""

    def follow(self, rules: Rules) -> None:
        """Keep by other rules from now on; what waited by the old ones and need not wait any more goes at once."""
        with self._mutex:
            self.rules = rules
        self.tick()

    def store(self, telegrams: Sequence[HeardTelegram]) -> None:
        """Thin what was heard at one moment, and put it into the spool in one commit."""
        with self._mutex:
            self._follow_clock()
            go: list[HeardTelegram] = []
            changed: dict[bytes, Waiting[HeardTelegram]] = {}
            for telegram in telegrams:
                go += self._judge(telegram, changed)
            self._known |= changed
            self._spool.append(go, changed)

    def _judge(
        self, telegram: HeardTelegram, changed: dict[bytes, Waiting[HeardTelegram]]
    ) -> Collection[HeardTelegram]:
        step, listed = STEP.get(self.rules.keep), self.rules.listed
        if step is None and listed is None:
            return (telegram,)
        heard = look(telegram.frame)
        if listed is not None and heard.meters and not any(meter in listed for meter in heard.meters):
            self.unlisted += 1
            return ()
        if step is None or heard.kind is None:
            return (telegram,)
        known = changed.get(heard.kind) or self._known.get(heard.kind)
        if known is None and len(self._known) + len(changed) >= KINDS_LIMIT:
            return (telegram,)
        outcome = offer(known, telegram, telegram.received_at, heard.status, step)
        changed[heard.kind] = outcome.known
        self.thinned += outcome.thinned
        return outcome.go

    def tick(self) -> None:
        """Let go what waited for a boundary that is over."""
        with self._mutex:
            self._follow_clock()
            now, step = self._now(), STEP.get(self.rules.keep)
            go: list[HeardTelegram] = []
            changed: dict[bytes, Waiting[HeardTelegram]] = {}
            forget = []
            for kind, known in self._known.items():
                telegram = known.telegram if step is None else due(known, now, step)
                if telegram is not None:
                    go.append(telegram)
                    changed[kind] = replace(known, telegram=None)
                elif known.telegram is None and now - known.seen_at > FORGET_AFTER:
                    forget.append(kind)
            if go or forget:
                self._known |= changed
                for kind in forget:
                    del self._known[kind]
                go.sort(key=lambda telegram: telegram.received_at)
                self._spool.append(go, changed, forget)

    def _follow_clock(self) -> None:
        jump = self._spool.follow_clock()
        if jump and self._known:
            self._known = {kind: _moved(known, jump) for kind, known in self._known.items()}


def _moved(known: Waiting[HeardTelegram], jump: timedelta) -> Waiting[HeardTelegram]:
    telegram = known.telegram
    moved = None if telegram is None else replace(telegram, received_at=telegram.received_at + jump)
    return Waiting(known.seen_at + jump, known.status, moved)
