"""A watcher's stream of server-sent events (HTML Living Standard, 9.2)."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from meterhub.ingest.live.feed import Feed, News
from meterhub.ingest.live.queries import READS_A_POLL, reads_after
from meterhub.kit.clock import Clock
from meterhub.kit.db import AnyRow
from meterhub.kit.units import ML_PER_M3

SIGN_OF_LIFE_S = 15.0
COME_BACK_MS = 3_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which reads are wanted; None is any."""

    point: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    gateway: str | None = None

    def __call__(self, read: AnyRow) -> bool:
        """Tell whether a read is wanted."""
        return (
            (self.point is None or read.point_code == self.point)
            and (self.manufacturer is None or read.manufacturer == self.manufacturer)
            and (self.serial is None or read.serial == self.serial)
            and (self.gateway is None or read.gateway == self.gateway)
        )


async def events(
    feed: Feed, engine: Engine, clock: Clock, wanted: Filter, *, after: int | None, seconds: float
) -> AsyncIterator[str]:
    """Yield events for so long; then the client comes back by itself and is asked again who it is.

    The number of an event is that up to which no read is missing: whoever comes back with it misses none,
    and may see again those that came in at the break.
    """
    yield f"retry: {COME_BACK_MS}\n: here come reads\n\n"
    end = time.monotonic() + seconds
    with feed.watching(wanted) as watcher:
        if after is not None:
            await feed.looking.wait()  # before, reads could fall between what was missed and what is new
            for event in await run_in_threadpool(_missed, engine, clock, wanted, after):
                yield event
        while (left := end - time.monotonic()) > 0:
            news = await watcher.next(min(left, SIGN_OF_LIFE_S))
            if watcher.lost:
                yield _event("slow", {"detail": "too slow to keep up; come back for the rest"})
                return
            yield ": still here\n\n" if news is None else _reads(news)


def _missed(engine: Engine, clock: Clock, wanted: Filter, after: int) -> Sequence[str]:
    with engine.connect() as connection:
        rows = reads_after(connection, after, clock())
    told = [_reads(News([read for read in rows[:READS_A_POLL] if wanted(read)], after))]
    if len(rows) > READS_A_POLL:
        told.insert(0, _event("gap", {"detail": "more was missed than is told here: use the exports"}))
    return told


def _reads(news: News) -> str:
    return "".join(_event("read", as_json(read), news.complete) for read in news.reads)


def as_json(read: AnyRow) -> dict[str, object]:
    """Return a read as it is told."""
    return {
        "id": read.id,
        "point_code": read.point_code,
        "manufacturer": read.manufacturer,
        "serial": read.serial,
        "at": read.at.isoformat(),
        "volume_m3": str(Decimal(read.volume_ml) / ML_PER_M3),
        "source": read.source,
        "alarms": read.alarms,
        "gateway": read.gateway,
        "rssi_dbm": read.rssi_dbm,
    }


def _event(name: str, data: dict[str, object], number: int | None = None) -> str:
    known = "" if number is None else f"id: {number}\n"
    return f"event: {name}\n{known}data: {json.dumps(data, ensure_ascii=False)}\n\n"
