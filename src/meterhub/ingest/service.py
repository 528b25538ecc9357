"""Take a batch of telegrams: one transaction, acknowledged only after commit, the same batch twice is once.

The order of work: judge each telegram alone, drop what is known, decrypt and decode the rest, then in one
short exclusive transaction look again for what came in meanwhile and store.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from meterhub.access.repository import gateway_seen
from meterhub.ingest import fragments, holds, repository
from meterhub.ingest.batch import Heard
from meterhub.ingest.decoding import (
    Damaged,
    Held,
    MeterRead,
    Readable,
    Reason,
    Registry,
    open_link,
    read_telegram,
)
from meterhub.ingest.dedupe import Known, Seen, in_order_heard, seen_from
from meterhub.ingest.gateway_clock import note_late_days, note_shift
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.repository import FrameColumns, HeardAgain, NewFrame, View
from meterhub.ingest.schemas import BatchResult, Rejected
from meterhub.ingest.screening import Candidate, screen
from meterhub.kit.queue import defer
from meterhub.readings.repository import NewRead, store_reads
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore, fingerprint

RETRY_TASK = "ingest.retry"
# What a meter, a key or a layout that arrives takes away.
REMOVABLE = frozenset({Reason.UNKNOWN_METER, Reason.KEY_MISSING, Reason.KEY_WRONG, Reason.FORMAT_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Sender:
    """The gateway behind a batch, and what it says about itself."""

    gateway_id: int
    software: str | None = None
    spool_depth: int | None = None
    replay: bool = False
    """Heard some other time: no sign of life, and not counted as delivered today."""
    clock_ahead: timedelta = timedelta()
    """By how much the telegrams were moved because the gateway's clock is wrong."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a hub process remembers between batches; all of it can be loaded again."""

    formats: FormatStore
    registry: RegistryCache
    stored_formats: set[int] = field(default_factory=set)  # signatures; a batch that fails stores none


class Judged(NamedTuple):
    """A frame with its fingerprint and what could be read of it."""

    heard: Heard
    fingerprint: int
    link: Readable | Damaged


def judge(heard: Heard) -> Judged:
    """Open the link layer of a frame; a damaged frame is known by its bytes as they came."""
    link = open_link(heard.raw)
    return Judged(heard, fingerprint(link.link.frame if isinstance(link, Readable) else heard.raw), link)


def accept_batch(
    engine: Engine,
    settings: Settings,
    memory: Memory,
    sender: Sender,
    heard: Sequence[Heard],
    rejected: Sequence[Rejected],
    *,
    now: datetime,
) -> BatchResult:
    """Store a batch; returns after commit. Nothing is stored when it raises."""
    window = timedelta(seconds=settings.dedupe_window_s)
    judged = [judge(heard[n]) for n in in_order_heard([one.received_at for one in heard])]
    span = _span(judged, window)
    fingerprints = {one.fingerprint for one in judged}
    with engine.connect() as connection:
        view = repository.look(connection)
        known = repository.known_transmissions(connection, fingerprints, *span) if judged else []
        seen = seen_from(known, window)
        new = _unknown(judged, seen)
        links = [one.link for one in new if isinstance(one.link, Readable)]
        registry = memory.registry.look_up(connection, settings, links)
    outcomes: dict[int, MeterRead | Held] = {one.heard.place: _read(one, registry, memory.formats) for one in new}
    if any(_waits_for(outcome, {Reason.FORMAT_UNKNOWN}) for outcome in outcomes.values()):
        _take_over_formats(engine, memory)
        outcomes |= {
            one.heard.place: _read(one, registry, memory.formats)
            for one in new
            if _waits_for(outcomes[one.heard.place], {Reason.FORMAT_UNKNOWN})
        }
    learned = {s: f for s, f in memory.formats.learned().items() if s not in memory.stored_formats}
    frames = _frames(new)
    with engine.begin() as connection:
        repository.lock(connection)
        meanwhile = repository.transmissions_since(connection, view.newest_frame, fingerprints)
        if meanwhile:
            seen = seen_from([*known, *meanwhile], window)
            new = _unknown(judged, seen)
            frames = _frames(new)
            for one in new:
                if one.heard.place not in outcomes:  # its twin in this batch turned out to be stored meanwhile
                    outcomes[one.heard.place] = _read(one, registry, memory.formats)
        read = reader(connection, settings, memory)
        outcomes |= screen(connection, _candidates(new, outcomes), read)
        first_id = repository.store_frames(connection, sender.gateway_id, frames) if new else 0
        held = _store_outcomes(connection, first_id, new, outcomes, view, read)
        duplicates = _store_duplicates(connection, sender, judged, new, seen)
        result = BatchResult(
            accepted=len(new) - held, duplicates=duplicates, quarantined=held, rejected=list(rejected)
        )
        keep_formats(connection, learned)
        memory.registry.note_use(connection, "ingest")
        if not sender.replay:
            _count(connection, sender, len(heard) + len(rejected), result, now)
            if sender.clock_ahead and heard:
                note_shift(connection, sender.gateway_id, sender.clock_ahead, len(heard))
        note_late_days(connection, heard, now)
    memory.stored_formats.update(learned)
    return result


def keep_formats(connection: Connection, learned: Mapping[int, bytes]) -> None:
    """Store layouts that are new, and have the compact frames tried again that wait for one."""
    if learned:
        repository.store_formats(connection, learned)
        defer(connection, RETRY_TASK, {"reason": Reason.FORMAT_UNKNOWN}, once=f"{RETRY_TASK}:formats")


def _take_over_formats(engine: Engine, memory: Memory) -> None:
    """Learn the layouts that other processes have stored."""
    with engine.connect() as connection:
        stored = repository.load_formats(connection)
    memory.formats.update(stored.items())
    memory.stored_formats.update(stored)


def reader(connection: Connection, settings: Settings, memory: Memory) -> fragments.Read:
    """Return what reads a single frame with what is known now."""

    def read(link: Readable) -> MeterRead | Held:
        return read_telegram(link, memory.registry.look_up(connection, settings, [link]), memory.formats)

    return read


def _waits_for(outcome: MeterRead | Held, reasons: Collection[Reason]) -> bool:
    return isinstance(outcome, Held) and outcome.reason in reasons


def _span(judged: Sequence[Judged], window: timedelta) -> tuple[datetime, datetime]:
    """Return from when to when a stored transmission may be one of these (in order of time)."""
    if not judged:
        return datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    return judged[0].heard.received_at - window, judged[-1].heard.received_at + window


def _unknown(judged: Sequence[Judged], seen: Seen) -> list[Judged]:
    """Return the frames that are new, adding each to what is seen."""
    new = []
    for one in judged:
        if seen.find(one.fingerprint, one.heard.received_at) is None:
            seen.add(one.fingerprint, one.heard.received_at, one)
            new.append(one)
    return new


def _read(one: Judged, registry: Registry, formats: FormatStore) -> MeterRead | Held:
    if isinstance(one.link, Damaged):
        return Held(Reason.DAMAGED, one.link.detail)
    return read_telegram(one.link, registry, formats)


def _frames(new: Sequence[Judged]) -> FrameColumns:
    return repository.frame_columns(
        [
            NewFrame(
                one.fingerprint, one.heard.received_at, one.heard.rssi_dbm, one.heard.link_mode, one.heard.raw
            )
            for one in new
        ]
    )


def _candidates(new: Sequence[Judged], outcomes: Mapping[int, MeterRead | Held]) -> list[Candidate]:
    return [
        Candidate(one.heard.place, one.heard.received_at, outcome, outcome.volume_ml, one.fingerprint)
        for one in new
        if isinstance(outcome := outcomes[one.heard.place], MeterRead) and outcome.volume_ml is not None
    ]


def _store_outcomes(
    connection: Connection,
    first_id: int,
    new: Sequence[Judged],
    outcomes: Mapping[int, MeterRead | Held],
    view: View,
    read: fragments.Read,
) -> int:
    """Store reads and quarantine entries of frames that were stored from an id on; return how many are held."""
    reads, held, parts, waiting = [], [], dict[int, fragments.Part](), None
    for id_, one in enumerate(new, first_id):
        outcome = outcomes[one.heard.place]
        if isinstance(outcome, Held):
            held.append(new_hold(id_, outcome, one.link))
            if outcome.reason is Reason.FRAGMENT and outcome.address is not None:
                parts[id_] = fragments.Part(outcome.address, one.heard.received_at)
            if waiting is None and outcome.reason in REMOVABLE:
                waiting = id_
        elif outcome.volume_ml is not None:
            reads.append(new_read(id_, outcome, outcome.volume_ml, one.heard.received_at))
    if held:
        holds.store_holds(connection, held)
    if reads:
        store_reads(connection, reads)
        defer(connection, ROLL_UP, once=ROLL_UP)
    # the cause may have been removed since the look, and its own retry may have run already
    if waiting is not None and repository.causes_since(connection, view):
        defer(connection, RETRY_TASK, {"after_id": waiting - 1}, once=f"{RETRY_TASK}:meanwhile")
    joined = fragments.join(connection, parts.values(), read) if parts else set()
    return len(held) - len(joined & set(parts))


def new_read(raw_frame_id: int, read: MeterRead, volume: int, received_at: datetime) -> NewRead:
    """Return the register read that a telegram gives."""
    return NewRead(
        read.meter_id,
        received_at,
        volume,
        alarms=read.alarms,
        meter_at=read.meter_at,
        raw_frame_id=raw_frame_id,
    )


def new_hold(raw_frame_id: int, held: Held, link: Readable | Damaged) -> holds.NewHold:
    """Return the quarantine entry of a frame."""
    address = held.address
    return holds.NewHold(
        raw_frame_id,
        held.reason,
        held.detail,
        address.manufacturer if address else None,
        address.serial if address else None,
        tuple(a.manufacturer + a.serial for a in link.candidates) if isinstance(link, Readable) else (),
    )


def _store_duplicates(
    connection: Connection, sender: Sender, judged: Sequence[Judged], new: Sequence[Judged], seen: Seen
) -> int:
    """Note which stored transmissions this gateway heard as well; return how many frames were not new."""
    if len(new) == len(judged):
        return 0
    fresh = {one.heard.place for one in new}
    again: dict[int, HeardAgain] = {}
    for one in judged:
        first = seen.find(one.fingerprint, one.heard.received_at)
        if one.heard.place in fresh or not isinstance(first, Known) or first.gateway_id == sender.gateway_id:
            continue
        again.setdefault(
            first.raw_frame_id,
            HeardAgain(first.raw_frame_id, one.heard.received_at, one.heard.rssi_dbm),
        )
    if again:
        repository.store_heard(connection, sender.gateway_id, again.values())
    return len(judged) - len(new)


def _count(connection: Connection, sender: Sender, received: int, result: BatchResult, now: datetime) -> None:
    gateway_seen(connection, sender.gateway_id, now, sender.software, sender.spool_depth)
    counts = {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "quarantined": result.quarantined,
        "rejected": len(result.rejected),
    }
    repository.count_day(connection, sender.gateway_id, now.date(), {"received": received, **counts})
