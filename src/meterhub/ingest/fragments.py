"""Messages that come in several frames: the parts wait in quarantine until the message is complete.

So a message is joined across batches, gateways, hub processes and restarts, and its parts are tried again when the
meter's key comes late. Parts whose message never was complete stay held until their retention ends.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection

from meterhub.ingest import holds
from meterhub.ingest.decoding import Held, MeterRead, Readable, Reason, open_link
from meterhub.ingest.holds import NewHold
from meterhub.ingest.screening import Candidate, screen
from meterhub.kit.db import AnyRow
from meterhub.kit.queue import defer
from meterhub.readings.repository import NewRead, store_reads
from meterhub.readings.service import ROLL_UP
from meterhub.wmbus import Address, LinkFrame, Reassembler, addresses, fingerprint

WITHIN = timedelta(minutes=10)

Read = Callable[[Readable], MeterRead | Held]


class Part(NamedTuple):
    """A part of a message that has just been held, by the meter and when it was heard."""

    address: Address
    received_at: datetime


class Stored(NamedTuple):
    """A stored part with its link layer opened."""

    id: int
    link: LinkFrame
    received_at: datetime


class Whole(NamedTuple):
    """A message that is complete, and its parts in order of time."""

    link: LinkFrame
    parts: tuple[Stored, ...]


def join(connection: Connection, parts: Iterable[Part], read: Read) -> set[int]:
    """Read the messages that these parts complete; return the ids of all parts that were read."""
    new = list(parts)
    since, until = min(part.received_at for part in new), max(part.received_at for part in new)
    rows = holds.held_parts(
        connection, Reason.FRAGMENT, {part.address[:2] for part in new}, since - WITHIN, until + WITHIN
    )
    done: set[int] = set()
    for _, of_meter in groupby(rows, lambda row: (row.manufacturer, row.serial)):
        for whole in wholes(list(of_meter)):
            if _take(connection, whole, read):
                done.update(part.id for part in whole.parts)
    holds.resolve_holds(connection, sorted(done))
    return done


def wholes(rows: Sequence[AnyRow]) -> Iterator[Whole]:
    """Yield the messages that frames of one meter, in order of time, make up."""
    reassembler, waiting = Reassembler(WITHIN.total_seconds()), list[Stored]()
    for row in rows:
        link = open_link(bytes(row.frame))
        if not isinstance(link, Readable):
            continue
        waiting.append(Stored(row.raw_frame_id, link.link, row.received_at))
        joined = reassembler.add(link.link, row.received_at.timestamp())
        if joined is not None:
            parts = _parts(waiting)
            waiting = waiting[: -len(parts)]  # of messages that are not complete
            yield Whole(joined, parts)


def _parts(waiting: Sequence[Stored]) -> tuple[Stored, ...]:
    """Return the fewest last parts that make up a message."""
    for first in reversed(range(len(waiting))):
        alone = Reassembler(WITHIN.total_seconds())
        if any(alone.add(part.link, part.received_at.timestamp()) for part in waiting[first:]):
            return tuple(waiting[first:])
    return tuple(waiting)


def _take(connection: Connection, whole: Whole, read: Read) -> bool:
    """Store the read of a message; tell whether its parts need not wait any longer."""
    frame = whole.link.frame
    outcome = read(Readable(frame, whole.link, addresses(frame)))
    first, last = whole.parts[0], whole.parts[-1]
    if isinstance(outcome, MeterRead) and outcome.volume_ml is not None:
        known_by = fingerprint(first.link.frame)  # whole, it is stored nowhere
        candidate = Candidate(first.id, last.received_at, outcome, outcome.volume_ml, known_by, first.id)
        outcome = screen(connection, [candidate], read).get(first.id, outcome)
    if isinstance(outcome, Held):
        kept = (NewHold(part.id, outcome.reason, outcome.detail, None, None) for part in whole.parts)
        holds.keep_holds(connection, list(kept))
        return False
    if outcome.volume_ml is not None:
        found = NewRead(outcome.meter_id, last.received_at, outcome.volume_ml, alarms=outcome.alarms)
        store_reads(connection, [found._replace(meter_at=outcome.meter_at, raw_frame_id=last.id)])
        defer(connection, ROLL_UP, once=ROLL_UP)
    return True
