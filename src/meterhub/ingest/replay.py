"""Captured telegrams into the hub, on the same path as live ones: to a hub over HTTP, or on its database.

Idempotent: a telegram that is stored already is a duplicate, so a replay that was stopped is started again.
Replayed telegrams do not count as a gateway's deliveries of today, nor as its sign of life.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from meterhub.access.repository import find_gateway
from meterhub.errors import MeterhubError, NotFound
from meterhub.gateway.spool import HeardTelegram
from meterhub.gateway.uplink import Deferred, Obstacle, Uplink
from meterhub.ingest.batch import parse
from meterhub.ingest.capture_lines import BadLine, HeardLine
from meterhub.ingest.decoding import Readable, open_link
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.repository import load_formats
from meterhub.ingest.schemas import Rejected
from meterhub.ingest.service import Memory, Sender, accept_batch
from meterhub.kit.clock import Clock
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore

TELEGRAMS_A_BATCH = 2000
TRIES = 6
"""How often a hub that does not answer is asked; with the pauses about a minute."""


class ReplayStopped(MeterhubError):
    """The hub does not take what is sent; what was acknowledged before is stored."""

    code = "replay-stopped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch."""

    accepted: int
    duplicates: int
    quarantined: int
    rejected: Sequence[Rejected]


Send = Callable[[str, Sequence[HeardLine]], Outcome]
"""Takes the name of a gateway and what it heard; returns after commit."""


@dataclass(slots=True)
class Replayed:
    """Counts over all files; `unusable` lines and `rejected` telegrams were reported one by one."""

    telegrams: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rejected: int = 0
    unusable: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    meters: set[tuple[str, str]] = field(default_factory=set)
    first_at: datetime | None = None
    last_at: datetime | None = None


def replay(
    lines: Iterable[HeardLine | BadLine], gateway: str, send: Send | None, result: Replayed
) -> Iterator[BadLine]:
    """Send the telegrams of a capture in batches; yields what cannot be used, adds to `result`.

    `gateway` is whose they are, whatever the lines say; if empty, the lines must say it. Without `send` nothing
    is sent: a dry run.
    """
    waiting: dict[str, list[HeardLine]] = {}
    for line in lines:
        if isinstance(line, BadLine):
            result.unusable += 1
            yield line
            continue
        name = gateway or line.gateway
        if not name:
            raise NotFound(f"line {line.number} does not say which gateway heard it: give its name (gateway)")
        _note(line, result)
        batch = waiting.setdefault(name, [])
        batch.append(line)
        if len(batch) >= TELEGRAMS_A_BATCH:
            yield from _deliver(name, waiting.pop(name), send, result)
    for name, batch in waiting.items():
        yield from _deliver(name, batch, send, result)


def _note(line: HeardLine, result: Replayed) -> None:
    result.telegrams += 1
    result.formats[line.format] += 1
    result.first_at = min(result.first_at or line.received_at, line.received_at)
    result.last_at = max(result.last_at or line.received_at, line.received_at)
    link = open_link(line.frame)
    if isinstance(link, Readable) and link.candidates:
        result.meters.add((link.candidates[0].manufacturer, link.candidates[0].serial))


def _deliver(name: str, batch: Sequence[HeardLine], send: Send | None, result: Replayed) -> Iterator[BadLine]:
    if send is None:
        return
    outcome = send(name, batch)
    result.accepted += outcome.accepted
    result.duplicates += outcome.duplicates
    result.quarantined += outcome.quarantined
    result.rejected += len(outcome.rejected)
    for rejected in outcome.rejected:
        yield BadLine(batch[rejected.index].number, rejected.code, rejected.message)


def on_database(engine: Engine, settings: Settings, clock: Clock) -> Send:
    """Return what stores batches directly, judged as if they had come over HTTP."""
    with engine.connect() as connection:
        formats = load_formats(connection)
    memory = Memory(FormatStore(formats), RegistryCache())
    ids: dict[str, int] = {}

    def send(gateway: str, batch: Sequence[HeardLine]) -> Outcome:
        if gateway not in ids:
            with engine.connect() as connection:
                row = find_gateway(connection, gateway)
            if row is None:
                raise NotFound(f"there is no gateway {gateway!r}: enrol it, or name another")
            ids[gateway] = row.id
        now = clock()
        heard, rejected = parse(_body(gateway, batch), gateway=gateway, max_telegrams=len(batch), now=now)
        sender = Sender(ids[gateway], replay=True)
        done = accept_batch(engine, settings, memory, sender, heard, rejected, now=now)
        return Outcome(done.accepted, done.duplicates, done.quarantined, done.rejected)

    return send


def _body(gateway: str, batch: Sequence[HeardLine]) -> bytes:
    telegrams = [
        {
            "frame": line.frame.hex(),
            "received_at": line.received_at.isoformat(),
            "rssi_dbm": line.rssi_dbm,
            "link_mode": line.link_mode,
        }
        for line in batch
    ]
    return json.dumps({"gateway": gateway, "telegrams": telegrams}).encode()


def over_http(uplink: Uplink, pause: Callable[[float], None] = time.sleep) -> Send:
    """Return what uploads batches as a gateway does; a hub that does not answer is asked again for a while."""

    def send(gateway: str, batch: Sequence[HeardLine]) -> Outcome:
        telegrams = tuple(
            HeardTelegram(each.frame, each.received_at, each.rssi_dbm, each.link_mode) for each in batch
        )
        why = ""
        for attempt in range(TRIES):
            answer = uplink.send(telegrams, 0)
            if not isinstance(answer, Deferred):
                rejected = [Rejected(index=r.index, code=r.code, message=r.message) for r in answer.rejected]
                return Outcome(answer.accepted, answer.duplicates, answer.quarantined, rejected)
            why = answer.message
            if answer.obstacle is Obstacle.TOO_LARGE and len(batch) > 1:
                return _in_halves(send, gateway, batch)
            if answer.obstacle is not Obstacle.UNREACHABLE:
                break
            if attempt + 1 < TRIES:
                pause(answer.retry_after_s or 2.0**attempt)
        raise ReplayStopped(f"the hub does not take line {batch[0].number} and on: {why}")

    return send


def _in_halves(send: Send, gateway: str, batch: Sequence[HeardLine]) -> Outcome:
    middle = len(batch) // 2
    one, two = send(gateway, batch[:middle]), send(gateway, batch[middle:])
    later = [Rejected(index=r.index + middle, code=r.code, message=r.message) for r in two.rejected]
    return Outcome(
        one.accepted + two.accepted,
        one.duplicates + two.duplicates,
        one.quarantined + two.quarantined,
        [*one.rejected, *later],
    )
