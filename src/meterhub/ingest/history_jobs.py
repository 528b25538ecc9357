"""Fill gaps with registers of the past that telegrams carry: nightly for all meters, or at once for one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from meterhub.ingest import history_queries, repository
from meterhub.ingest.decoding import MeterRead, Readable, open_link, read_with_telegram
from meterhub.ingest.history import Around, PastRegister, fill, past_registers
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.service import Memory
from meterhub.kit.db import AnyRow
from meterhub.kit.queue import defer
from meterhub.readings.repository import NewRead, store_reads
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore

FILL_HISTORY = "ingest.history"
METERS_A_TRANSACTION = 500
EACH_NIGHT = timedelta(hours=20)
# Of meters whose telegrams carried no dated register; some models send them in every few telegrams only.
WITHOUT_HISTORY = timedelta(days=7)
REMEMBERED = 64  # instants a meter: several years of months


@dataclass(frozen=True, slots=True)
class Filled:
    """What one step did."""

    meters: int
    reads: int


def fill_history(
    engine: Engine, settings: Settings, now: datetime, *, meter_id: int | None = None
) -> Iterator[Filled]:
    """Look at the newest telegram of every meter that is due, in chunks; yields each once it is committed.

    Begun anew after a break, it goes on with the meters that it has not seen. Asked for one meter, it looks at
    that one again whatever it remembers.
    """
    with engine.connect() as connection:
        formats = FormatStore(repository.load_formats(connection))
    cache = RegistryCache()
    after = 0
    while True:
        with engine.begin() as connection:
            history_queries.lock(connection)
            since = now - timedelta(days=settings.retention.raw_frame_days)
            rows = history_queries.newest_frames(
                connection, after, now, since, meter_id=meter_id, limit=METERS_A_TRANSACTION
            )
            if not rows:
                return
            found = _registers(connection, settings, rows, Memory(formats, cache), afresh=meter_id is not None)
            oldest = now - timedelta(days=30 * settings.retention.amr_read_months)
            known = history_queries.around(
                connection, {id_: _unexamined(look, oldest) for id_, look in found.items()}
            )
            reads = _new_reads(connection, found, known)
            if reads:
                store_reads(connection, reads)
                defer(connection, ROLL_UP, once=ROLL_UP)
            history_queries.note_looks(
                connection,
                [_noted(row, found.get(row.meter_id), known.get(row.meter_id, {}), now) for row in rows],
            )
            cache.note_use(connection, "history")
        after = rows[-1].meter_id
        yield Filled(len(rows), len(reads))


class Look(NamedTuple):
    """A meter's row, the registers of the past in its frame, and instants that were examined before."""

    row: AnyRow
    past: tuple[PastRegister, ...]
    examined: frozenset[datetime]


def _unexamined(look: Look, oldest: datetime) -> list[PastRegister]:
    return [one for one in look.past if one.at >= oldest and one.at not in look.examined]


def _registers(
    connection: Connection, settings: Settings, rows: Sequence[AnyRow], memory: Memory, *, afresh: bool
) -> dict[int, Look]:
    """Return by meter what its frame tells; a frame is looked at once, unless `afresh`."""
    links = {
        row.meter_id: link
        for row in rows
        if row.frame is not None
        and (afresh or row.raw_frame_id != row.looked_at)
        and isinstance(link := open_link(bytes(row.frame)), Readable)
    }
    registry = memory.registry.look_up(connection, settings, links.values())
    found = {}
    for row in rows:
        if row.meter_id in links:
            outcome, telegram = read_with_telegram(links[row.meter_id], registry, memory.formats)
            trusted = isinstance(outcome, MeterRead) and outcome.meter_id == row.meter_id
            past = past_registers(telegram, row.received_at, settings.tz) if trusted and telegram else ()
            found[row.meter_id] = Look(row, past, frozenset() if afresh else frozenset(row.examined))
    return found


def _new_reads(
    connection: Connection, found: Mapping[int, Look], known: Mapping[int, Mapping[datetime, Around]]
) -> list[NewRead]:
    """Return the reads that fill gaps and were not made before."""
    filled = [
        (meter_id, found[meter_id].row.raw_frame_id, one)
        for meter_id, around in sorted(known.items())
        for one in fill(found[meter_id].past, around, found[meter_id].row.digits)
    ]
    fresh = history_queries.claim(connection, filled) if filled else set()
    return [
        NewRead(meter_id, one.at, one.volume_ml, meter_at=one.meter_at, raw_frame_id=frame_id)
        for meter_id, frame_id, one in filled
        if (meter_id, one.at) in fresh
    ]


def _noted(
    row: AnyRow, look: Look | None, known: Mapping[datetime, Around], now: datetime
) -> tuple[int, int | None, datetime, list[datetime]]:
    """Return what to remember of a look; where the meter hung nowhere, it may yet be told that it did."""
    examined = sorted({*row.examined, *known})[-REMEMBERED:]
    if look is None:
        return row.meter_id, row.looked_at, now + EACH_NIGHT, examined
    again = EACH_NIGHT if look.past or examined else WITHOUT_HISTORY
    return row.meter_id, row.raw_frame_id, now + again, examined
