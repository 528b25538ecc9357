"""Try quarantined frames again: a key has arrived, a meter was registered, a format was learned."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from meterhub.ingest import fragments, holds, repository
from meterhub.ingest.decoding import Damaged, Held, MeterRead, Readable, Reason, open_link, read_telegram
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.screening import Candidate, screen
from meterhub.ingest.service import Memory, keep_formats, new_hold, new_read, reader
from meterhub.kit.db import AnyRow
from meterhub.kit.queue import defer
from meterhub.readings.repository import store_reads
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore, fingerprint

FRAMES_A_TRANSACTION = 1000


@dataclass(frozen=True, slots=True)
class Retried:
    """What one step did."""

    tried: int
    read: int


def retry(
    engine: Engine,
    settings: Settings,
    *,
    reason: str | None = None,
    meter_id: int | None = None,
    after_id: int = 0,
) -> Iterator[Retried]:
    """Try held frames again, oldest first; yields each step once it is committed.

    A frame that still cannot be read stays, with the reason of today.
    """
    with engine.begin() as connection:
        repository.lock(connection)  # a batch that knew nothing of the key yet is just being stored: let it
        stored = repository.load_formats(connection)
    formats = FormatStore(stored)
    after = after_id
    while True:
        with engine.begin() as connection:
            rows = holds.held_frames(
                connection,
                after_id=after,
                reason=reason,
                meter_id=meter_id,
                limit=FRAMES_A_TRANSACTION,
            )
            if not rows:
                return
            links = {row.raw_frame_id: open_link(bytes(row.frame)) for row in rows}
            cache = RegistryCache()
            read = reader(connection, settings, Memory(formats, cache))
            registry = cache.look_up(
                connection, settings, [link for link in links.values() if isinstance(link, Readable)]
            )
            outcomes = {
                id_: Held(Reason.DAMAGED, link.detail)
                if isinstance(link, Damaged)
                else read_telegram(link, registry, formats)
                for id_, link in links.items()
            }
            outcomes |= screen(
                connection,
                _candidates(rows, links, outcomes),
                read,
                believe=reason == Reason.IMPLAUSIBLE,  # a person has asked for just these
            )
            reads, resolved, held = [], [], []
            for row in rows:
                outcome = outcomes[row.raw_frame_id]
                if isinstance(outcome, Held):
                    held.append(new_hold(row.raw_frame_id, outcome, links[row.raw_frame_id]))
                    continue
                resolved.append(row.raw_frame_id)
                if outcome.volume_ml is not None:
                    reads.append(new_read(row.raw_frame_id, outcome, outcome.volume_ml, row.received_at))
            holds.resolve_holds(connection, resolved)
            holds.keep_holds(connection, held)
            parts = [
                fragments.Part(outcome.address, row.received_at)
                for row in rows
                if isinstance(outcome := outcomes[row.raw_frame_id], Held)
                and outcome.reason is Reason.FRAGMENT
                and outcome.address is not None
            ]
            if parts:
                resolved += fragments.join(connection, parts, read)
            if reads:
                store_reads(connection, reads)
                defer(connection, ROLL_UP, once=ROLL_UP)
            # in the order of a batch, so that the two wait for each other instead of deadlocking
            learned = {s: f for s, f in formats.learned().items() if s not in stored}
            keep_formats(connection, learned)
            cache.note_use(connection, "retry")
        stored |= learned
        after = rows[-1].raw_frame_id
        yield Retried(len(rows), len(resolved))


def _candidates(
    rows: Sequence[AnyRow], links: Mapping[int, Readable | Damaged], outcomes: Mapping[int, MeterRead | Held]
) -> list[Candidate]:
    """Return what would become reads, in order of time."""
    candidates = []
    for row in sorted(rows, key=lambda row: (row.received_at, row.raw_frame_id)):
        outcome, link = outcomes[row.raw_frame_id], links[row.raw_frame_id]
        if isinstance(outcome, MeterRead) and outcome.volume_ml is not None and isinstance(link, Readable):
            mark = fingerprint(link.link.frame)
            id_ = row.raw_frame_id
            candidates.append(Candidate(id_, row.received_at, outcome, outcome.volume_ml, mark, id_))
    return candidates
