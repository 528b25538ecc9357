"""Is a read what the meter says now? Old telegrams sent again, and registers that fall, do not become reads.

A read is held against the one before it in time, not against the newest: what a gateway delivers late after a week
without network, or in disorder, is as good as ever. A higher register is always believed, whatever the counters
say, because counters begin anew when a meter restarts. The meter's clock is not asked.

Held as `replayed`: a register not above the one before, where the telegram's bytes were heard before and the meter
has a counter that changes them (without one, the same bytes prove that nothing was used), or where the register is
lower and the counter not higher, or the bytes known. Held as `implausible`: a register lower by more than backflow
explains and no rollover. But a meter that insists is believed: by the third telegram with a lower register, or,
where there is no counter and the bytes are known (water ran back and stands still), by the third in a row that
says the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from meterhub.ingest import neighbours
from meterhub.ingest.decoding import Held, MeterRead, Readable, Reason, open_link
from meterhub.ingest.gateway_clock import TOLERANCE
from meterhub.ingest.neighbours import Earlier
from meterhub.kit.units import ML_PER_M3
from meterhub.wmbus import Address

BACKFLOW_ML = ML_PER_M3  # without a non-return valve a litre or two; a cubic metre is beyond doubt
INSISTS = 3  # telegrams with a lower register


class Candidate(NamedTuple):
    """A read that is about to be stored; `raw_frame_id` is 0 where its frame is not stored yet."""

    place: int
    at: datetime
    read: MeterRead
    volume_ml: int
    fingerprint: int
    raw_frame_id: int = 0

    @property
    def address(self) -> Address:
        """Return whose read it is."""
        assert self.read.address is not None
        return self.read.address


class Evidence(NamedTuple):
    """What was looked up about suspects."""

    heard: frozenset[int] = frozenset()
    """Fingerprints that were heard before."""
    counters: Mapping[int, int | None] = {}
    """The counters of stored telegrams, by raw frame."""
    insisted: Mapping[tuple[str, str], int] = {}
    """How many telegrams of a meter wait with a lower register."""
    repeated: Mapping[int, tuple[int, ...]] = {}
    """By place, the last registers held as `replayed` between a suspect and the read before it."""
    believe: bool = False
    """A person has decided that lower registers are right."""


class Before(NamedTuple):
    """What was read before: the newest of each meter, and the one before each candidate that comes late."""

    newest: Mapping[int, Earlier]
    of_late: Mapping[int, Earlier]


Read = Callable[[Readable], MeterRead | Held]
Decide = Callable[[Candidate, "Candidate | Earlier"], Held | None]


def screen(
    connection: Connection, candidates: Sequence[Candidate], read: Read, *, believe: bool = False
) -> dict[int, Held]:
    """Return by place which candidates (in order of time) must not become reads."""
    if not candidates:
        return {}
    newest = neighbours.newest_reads(connection, (one.read.meter_id for one in candidates), candidates[0].at)
    late = [
        (one.place, one.read.meter_id, one.at)
        for one in candidates
        if (known := newest.get(one.read.meter_id)) is not None and one.at < known.at
    ]
    before = Before(newest, neighbours.reads_before(connection, late) if late else {})
    suspects = find_suspects(candidates, before)
    if not suspects:
        return {}
    return judge(candidates, before, _evidence(connection, suspects, read, believe=believe))


def find_suspects(candidates: Sequence[Candidate], before: Before) -> list[tuple[Candidate, Candidate | Earlier]]:
    """Return candidates that may have to be held, each with the read before it."""
    suspects = []

    def note(one: Candidate, previous: Candidate | Earlier) -> Held | None:
        suspects.append((one, previous))
        return Held(Reason.REPLAYED, "", None)

    _walk(candidates, before, note)
    return suspects


def judge(candidates: Sequence[Candidate], before: Before, evidence: Evidence) -> dict[int, Held]:
    """Return by place which candidates must not become reads, from what is known about them. Pure."""
    insisted = dict(evidence.insisted)
    in_a_row: dict[int, tuple[datetime, tuple[int, ...]]] = {}
    first: dict[int, int] = {}
    for one in candidates:
        first.setdefault(one.fingerprint, one.place)

    def decide(one: Candidate, previous: Candidate | Earlier) -> Held | None:
        known = one.fingerprint in evidence.heard or first[one.fingerprint] != one.place
        lower_ml = previous.volume_ml - one.volume_ml
        if known and (lower_ml > 0 or one.read.counter is not None):
            if one.read.counter is None:
                since, registers = in_a_row.get(one.read.meter_id, (None, ()))
                if since != previous.at:
                    registers = evidence.repeated.get(one.place, ()) if isinstance(previous, Earlier) else ()
                registers = (*registers, one.volume_ml)[-INSISTS:]
                in_a_row[one.read.meter_id] = previous.at, registers
                if registers == (one.volume_ml,) * INSISTS:
                    return None
            return _held(Reason.REPLAYED, "these bytes were heard before, the register has not grown", one)
        if lower_ml <= 0 or 2 * lower_ml > 10**one.read.digits * ML_PER_M3:  # a rollover
            return None
        counter = _counter(previous, evidence)
        stale = counter is not None and one.read.counter is not None and one.read.counter <= counter
        if stale and one.at - previous.at > TOLERANCE:  # nearer, the clocks of two gateways explain the order
            return _held(Reason.REPLAYED, f"counter {one.read.counter} is not above {counter}", one)
        if lower_ml <= BACKFLOW_ML or evidence.believe:
            return None
        times = insisted[one.address[:2]] = insisted.get(one.address[:2], 0) + 1
        if times >= INSISTS:
            return None
        return _held(
            Reason.IMPLAUSIBLE, f"the register is {lower_ml / ML_PER_M3:.3f} m3 below the one before", one
        )

    return _walk(candidates, before, decide)


def _walk(candidates: Iterable[Candidate], before: Before, decide: Decide) -> dict[int, Held]:
    """Ask `decide` about each candidate whose register has not grown; what is held is nothing to the others."""
    held: dict[int, Held] = {}
    last: dict[int, Candidate] = {}
    for one in candidates:
        meter_id = one.read.meter_id
        previous: Candidate | Earlier | None = last.get(meter_id)
        stored = before.newest.get(meter_id)
        if stored is not None and one.at < stored.at:
            stored = before.of_late.get(one.place)
        if stored is not None and (previous is None or stored.at > previous.at):
            previous = stored
        if previous is not None and (
            one.volume_ml < previous.volume_ml
            # without a counter the same register is the same as ever
            or (one.volume_ml == previous.volume_ml and one.read.counter is not None)
        ):
            verdict = decide(one, previous)
            if verdict is not None:
                held[one.place] = verdict
                continue
        last[meter_id] = one
    return held


def _held(reason: Reason, detail: str, one: Candidate) -> Held:
    return Held(reason, detail, one.address)


def _counter(previous: Candidate | Earlier, evidence: Evidence) -> int | None:
    if isinstance(previous, Candidate):
        return previous.read.counter
    return None if previous.raw_frame_id is None else evidence.counters.get(previous.raw_frame_id)


def _read_again(frame: bytes, read: Read) -> MeterRead | None:
    """Return what a stored telegram says, None if it cannot be read (any more)."""
    link = open_link(frame)
    outcome = read(link) if isinstance(link, Readable) else None
    return outcome if isinstance(outcome, MeterRead) else None


def _counter_of(frame: bytes, read: Read) -> int | None:
    """Return the counter of a stored telegram."""
    outcome = _read_again(frame, read)
    return outcome.counter if outcome else None


def _evidence(
    connection: Connection,
    suspects: Sequence[tuple[Candidate, Candidate | Earlier]],
    read: Read,
    *,
    believe: bool,
) -> Evidence:
    lower = [(one, previous) for one, previous in suspects if one.volume_ml < previous.volume_ml]
    ids = {
        previous.raw_frame_id
        for one, previous in lower
        if isinstance(previous, Earlier) and previous.raw_frame_id is not None and one.read.counter is not None
    }
    return Evidence(
        frozenset(neighbours.heard_before(connection, {one.fingerprint: one.raw_frame_id for one, _ in suspects})),
        {id_: _counter_of(frame, read) for id_, frame in neighbours.frames(connection, ids).items()}
        if ids
        else {},
        neighbours.held_as(
            connection,
            Reason.IMPLAUSIBLE,
            {one.address[:2] for one, _ in lower},
            (one.raw_frame_id for one, _ in suspects),
        )
        if lower
        else {},
        _repeated(connection, lower, read),
        believe,
    )


def _repeated(
    connection: Connection, lower: Sequence[tuple[Candidate, Candidate | Earlier]], read: Read
) -> dict[int, tuple[int, ...]]:
    """Return by place what was held last between a suspect without a counter and the read before it."""
    spans = [
        (one.place, one.address[:2], previous.at, one.at) for one, previous in lower if one.read.counter is None
    ]
    if not spans:
        return {}
    ids = neighbours.held_between(connection, Reason.REPLAYED, spans, last=INSISTS - 1)
    kept = neighbours.frames(connection, {id_ for each in ids.values() for id_ in each})
    registers = {id_: outcome.volume_ml for id_, frame in kept.items() if (outcome := _read_again(frame, read))}
    return {
        place: tuple(volume for id_ in each if (volume := registers.get(id_)) is not None)
        for place, each in ids.items()
    }
