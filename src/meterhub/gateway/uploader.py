"""Keeps the spool empty: oldest first, again and again until the hub has acknowledged.

After a long time without the hub every other batch is of the newest telegrams, so that what is heard now is there
at once while the past is caught up with.

A gateway that hears nothing uploads an empty batch now and then, so that the hub knows it is alive.

Order and patience only; `uplink` speaks HTTP and `spool` holds the telegrams.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from meterhub.gateway.spool import Batch, HeardTelegram, RejectedTelegram, Spool
from meterhub.gateway.uplink import Deferred, Delivered, Obstacle

log = logging.getLogger(__name__)

POLL_S = 1.0
"""Pause between uploads while the spool holds less than a batch; also what gathers telegrams into batches."""
BACKOFF_FIRST_S, BACKOFF_LIMIT_S = 1.0, 120.0
REFUSED_PAUSE_S = 300.0
CATCH_UP_FROM = 10
"""Batches in the spool from which on the newest get their share."""
HEARTBEAT_S = 180.0
"""Longest time without an upload."""


class Sender(Protocol):
    """What uploads one batch."""

    def send(self, telegrams: tuple[HeardTelegram, ...], spool_depth: int) -> Delivered | Deferred:
        """Upload one batch; return what became of it."""
        ...

    def rest_s(self) -> float:
        """Return how long the line shall rest before the next upload [s]."""
        ...


class Uploader:
    """Uploads a spool; one thread calls `step` for ever."""

    def __init__(
        self,
        spool: Spool,
        sender: Sender,
        batch_size: int,
        *,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._sender = sender
        self._batch_size = batch_size
        self._jitter = jitter
        self._monotonic = monotonic
        self._heartbeat_at = float("-inf")
        self._failures = 0
        self._behind = False
        self._newest_next = False
        self.delivered = 0
        """Telegrams that the hub has acknowledged."""

    def step(self) -> float:
        """Upload one batch or, when it is time, a heartbeat; return how long to wait before the next step [s]."""
        return max(self._step(), self._sender.rest_s())

    def _step(self) -> float:
        batch = self._next_batch()
        if batch is None:
            return self._beat() if self._monotonic() >= self._heartbeat_at else POLL_S
        outcome = self._sender.send(batch.telegrams, self._spool.depth)
        if isinstance(outcome, Deferred):
            return self._put_off(outcome, len(batch.telegrams))
        rejected = [
            RejectedTelegram(batch.telegrams[item.index], item.code, item.message) for item in outcome.rejected
        ]
        self._heartbeat_at = self._monotonic() + HEARTBEAT_S
        self._spool.acknowledge(batch, rejected)
        self._newest_next = not self._newest_next
        self.delivered += len(batch.telegrams)
        counts = Counter(item.code for item in outcome.rejected)
        examples = {item.code: item.message for item in outcome.rejected}
        for code, count in counts.items():
            log.warning("hub rejected %d telegrams, kept aside in the spool: %s: %s", count, code, examples[code])
        return self._go_on(full=len(batch.telegrams) == self._batch_size)

    def _next_batch(self) -> Batch | None:
        """Return what to upload next: oldest and newest in turn while there is much to catch up with."""
        if self._spool.depth <= CATCH_UP_FROM * self._batch_size:
            self._newest_next = False
        return (self._spool.newest if self._newest_next else self._spool.oldest)(self._batch_size)

    def _beat(self) -> float:
        """Upload an empty batch: the hub learns that the gateway lives, the gateway that its token is good."""
        outcome = self._sender.send((), self._spool.depth)
        if isinstance(outcome, Deferred):
            return self._put_off(outcome, 0)
        self._heartbeat_at = self._monotonic() + HEARTBEAT_S
        return self._go_on(full=False)

    def _go_on(self, *, full: bool) -> float:
        if self._failures:
            log.info("hub takes telegrams again; %d to catch up", self._spool.depth)
            self._behind = True
            self._failures = 0
        if full:
            return 0.0
        if self._behind:
            log.info("caught up: the spool is empty")
            self._behind = False
        return POLL_S

    def _put_off(self, outcome: Deferred, count: int) -> float:
        if outcome.obstacle is Obstacle.TOO_LARGE and count > 1:
            self._batch_size = max(1, count // 2)
            log.warning(
                "hub finds %d telegrams too many (%s): %d from now on",
                count,
                outcome.message,
                self._batch_size,
            )
            return 0.0
        self._failures += 1
        if outcome.obstacle is Obstacle.UNREACHABLE:
            ceiling = min(BACKOFF_LIMIT_S, BACKOFF_FIRST_S * 2.0 ** min(self._failures - 1, 16))
            if self._failures == 1:
                log.warning("hub unreachable, spooling: %s", outcome.message)
        else:
            ceiling = REFUSED_PAUSE_S
            log.error("HUB REFUSES TELEGRAMS, a person must act; spooling meanwhile: %s", outcome.message)
        return max(outcome.retry_after_s or 0.0, ceiling * (0.5 + self._jitter() / 2))
