"""The town's past hours, sent through the ingest API by its gateways."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta

from meterhub.simulate.demo.client import HubClient
from meterhub.simulate.town import Home, Town
from meterhub.wmbus.encode import on_air

BATCH = 2_000
AHEAD = 3  # batches that may wait while the hub is busy


def transmissions(town: Town) -> Iterator[tuple[datetime, Home, int]]:
    """Yield each hour's telegram of each home in order of time, with its running number."""
    homes = sorted(town.on_air, key=lambda home: home.offset)
    hour, count = town.start, 0
    while hour < town.end:
        for home in homes:
            yield hour + home.offset, home, count
        hour += timedelta(hours=1)
        count += 1


def receptions(town: Town, seed: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what each gateway hears: the gateway, and the telegram as it uploads it; a few are damaged."""
    rng = random.Random(f"radio:{seed}")  # noqa: S311 - a simulation must be repeatable
    for at, home, count in transmissions(town):
        frame = home.telegram(at, count)
        for gateway in home.gateways:
            heard = _damage(rng, frame) if rng.random() < town.corrupted else frame
            delay = timedelta(milliseconds=rng.randrange(20, 900))
            yield (
                gateway,
                {
                    "frame": heard.hex(),
                    "received_at": (at + delay).isoformat(),
                    "rssi_dbm": rng.randrange(-105, -55),
                    "link_mode": home.family.link_mode,
                },
            )


def _damage(rng: random.Random, frame: bytes) -> bytes:
    """Return a frame with its CRCs and one bit flipped on the way."""
    heard = bytearray(on_air(frame))
    heard[rng.randrange(10, len(heard))] ^= 1 << rng.randrange(8)
    return bytes(heard)


def backfill(town: Town, seed: int, hubs: dict[str, HubClient], advance: Callable[[int], None]) -> int:
    """Upload the whole history; `advance` is told how many telegrams were acknowledged; return how many in all."""
    total = 0
    waiting: dict[str, list[dict[str, object]]] = {name: [] for name in hubs}
    pending: deque[Future[int]] = deque()

    def upload(gateway: str, telegrams: list[dict[str, object]]) -> int:
        hubs[gateway].send(gateway, telegrams)
        return len(telegrams)

    with ExitStack() as stack:
        # as a real gateway does: one upload after the other, oldest first
        lines = {name: stack.enter_context(ThreadPoolExecutor(1)) for name in hubs}
        for gateway, telegram in receptions(town, seed):
            total += 1
            waiting[gateway].append(telegram)
            if len(waiting[gateway]) == BATCH:
                pending.append(lines[gateway].submit(upload, gateway, waiting[gateway]))
                waiting[gateway] = []
                while len(pending) > AHEAD:
                    advance(pending.popleft().result())
        pending.extend(lines[name].submit(upload, name, rest) for name, rest in waiting.items() if rest)
        for done in pending:
            advance(done.result())
    return total
