"""The feed of one process: it asks the database once a second while somebody watches, and hands out copies.

Each watcher has a small queue. Whoever does not keep up is told so and let go; the number of the last event
says where to go on. Runs in the server's event loop; the database is asked in a thread.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from meterhub.ingest.live.queries import Tail, end_of_reads
from meterhub.kit.clock import Clock
from meterhub.kit.db import AnyRow

log = structlog.get_logger(__name__)

POLL_S = 1.0
QUEUED_READS = 2_000
WATCHERS = 200


@dataclass(frozen=True, slots=True)
class News:
    """Reads of one look, and the number up to which none is missing."""

    reads: Sequence[AnyRow]
    complete: int


@dataclass(slots=True, eq=False)
class Watcher:
    """Somebody who watches; `lost` is set when the queue ran over."""

    wants: Callable[[AnyRow], bool]
    queue: asyncio.Queue[News] = field(default_factory=asyncio.Queue)
    waiting: int = 0
    lost: bool = False

    def offer(self, news: News) -> None:
        """Put what it wants into its queue, unless that is full."""
        wanted = [read for read in news.reads if self.wants(read)]
        if not wanted:
            return
        if self.waiting + len(wanted) > QUEUED_READS:
            self.lost = True
            self.queue.put_nowait(News((), 0))  # wakes it up
            return
        self.waiting += len(wanted)
        self.queue.put_nowait(News(wanted, news.complete))

    async def next(self, timeout_s: float) -> News | None:
        """Wait for reads; None when there were none for so long."""
        try:
            news = await asyncio.wait_for(self.queue.get(), timeout_s)
        except TimeoutError:
            return None
        self.waiting -= len(news.reads)
        return news


class Feed:
    """All watchers of this process."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._watchers: set[Watcher] = set()
        self._polling: asyncio.Task[None] | None = None
        self._tail: Tail | None = None
        self.looking = asyncio.Event()
        """Set once the end of the reads is known: from then on nothing is missed."""

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._watchers) >= WATCHERS

    @contextmanager
    def watching(self, wants: Callable[[AnyRow], bool]) -> Iterator[Watcher]:
        """Give a watcher of what comes in from now on."""
        watcher = Watcher(wants)
        self._watchers.add(watcher)
        if self._polling is None or self._polling.done():
            self._tail = None
            self.looking.clear()
            self._polling = asyncio.create_task(self._poll())
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def _poll(self) -> None:
        """Ask for news until nobody watches; a database that is away is asked again."""
        while self._watchers:
            try:
                news = await run_in_threadpool(self._look)
            except SQLAlchemyError as error:
                log.warning("live-feed-without-database", error=type(error).__name__)
            else:
                self.looking.set()
                for watcher in self._watchers:
                    watcher.offer(news)
            await asyncio.sleep(POLL_S)

    def _look(self) -> News:
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            if self._tail is None:
                self._tail = end_of_reads(connection, self._clock())
                return News((), self._tail.complete)
            reads = self._tail.poll(connection, self._clock())
        return News(reads, self._tail.complete)
