"""Meters and keys as ingest looks them up, remembered between batches.

Opening a sealed key costs more than decoding a telegram, so a process keeps what it has opened. Every change
of meters or keys leaves a row in `registry_change`; newest id and count together differ after any commit, in
whatever order commits come, and then all is forgotten. Unknown addresses are remembered too.
"""

from collections.abc import Iterable, Sequence
from threading import Lock

from sqlalchemy import Connection, text

from meterhub.assets.keys import keys_of, note_use
from meterhub.assets.repository import MeterRow, meters_by_address
from meterhub.ingest.decoding import Readable, Registry
from meterhub.settings import Settings

REMEMBERED = 200_000  # addresses; about 1 KB each

_Pair = tuple[str, str]
_Entry = tuple[MeterRow, Sequence[bytes]]


class RegistryCache:
    """A bounded memory of meters by manufacturer and serial; safe to use from several threads."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._lock = Lock()
        self._version: tuple[int, int] | None = None
        self._known: dict[_Pair, _Entry | None] = {}
        self._opened = 0

    def look_up(self, connection: Connection, settings: Settings, links: Iterable[Readable]) -> Registry:
        """Return the meters that frames may belong to, with their keys: few queries, however many meters."""
        pairs = {(a.manufacturer, a.serial) for link in links for a in link.candidates}
        version = self._read_version(connection)
        with self._lock:
            if version != self._version or len(self._known) + len(pairs) > self._limit:
                self._known.clear()
                self._version = version
            found = {pair: self._known[pair] for pair in pairs if pair in self._known}
        if missing := [pair for pair in pairs if pair not in found]:
            loaded = _load(connection, settings, missing)
            found |= loaded
            with self._lock:
                self._opened += sum(len(entry[1]) for entry in loaded.values() if entry is not None)
                if version == self._version:  # nobody has seen another state meanwhile
                    self._known |= loaded
        entries = [entry for entry in found.values() if entry is not None]
        return Registry(
            {(meter.manufacturer, meter.serial): meter for meter, _ in entries},
            {meter.id: keys for meter, keys in entries},
        )

    def note_use(self, connection: Connection, purpose: str) -> None:
        """Put on record how many keys were opened since the last time."""
        with self._lock:
            opened, self._opened = self._opened, 0
        note_use(connection, purpose, opened)

    @staticmethod
    def _read_version(connection: Connection) -> tuple[int, int]:
        row = connection.execute(text("SELECT count(*), coalesce(max(id), 0) FROM registry_change")).one()
        return row[0], row[1]


def _load(connection: Connection, settings: Settings, pairs: Sequence[_Pair]) -> dict[_Pair, _Entry | None]:
    meters = meters_by_address(connection, pairs)
    ids = [meter.id for meter in meters.values()]
    keys = keys_of(connection, settings.require_master_keys(), ids) if ids else {}
    return {pair: (meters[pair], keys.get(meters[pair].id, ())) if pair in meters else None for pair in pairs}
