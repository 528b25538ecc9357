"""Meters and keys as ingest looks them up, remembered between batches.

Opening a sealed key costs more than decoding a telegram, so a process keeps what it has opened, in few bytes a
meter. Every change of meters or keys leaves a row in `registry_change` that names the meters; at each batch a
process forgets those of the changes that it could not see the last time. Unknown addresses are remembered too.
"""

import time
from collections.abc import Iterable, Sequence
from threading import Lock

from sqlalchemy import Connection, text

from meterhub.assets.keys import keys_of, note_use
from meterhub.assets.repository import meters_by_address
from meterhub.ingest.decoding import Readable, Registered, Registry
from meterhub.settings import Settings

REMEMBERED = 1_500_000  # addresses; about 250 bytes each
TRUSTED_S = 12 * 3600.0  # traces of changes are kept for longer than a process relies on not having looked

_CHANGES = text(
    """
    WITH unseen AS (
        SELECT meters FROM registry_change
        WHERE xid >= CAST(CAST(pg_snapshot_xmin(CAST(:seen AS pg_snapshot)) AS text) AS bigint)
            AND NOT pg_visible_in_snapshot(CAST(CAST(xid AS text) AS xid8), CAST(:seen AS pg_snapshot))
    )
    SELECT CAST(pg_current_snapshot() AS text) AS now_seen,
           EXISTS (SELECT FROM unseen WHERE meters IS NULL) AS everything,
           (SELECT array_agg(DISTINCT changed) FROM unseen, unnest(meters) AS changed) AS meters
    """
)
_NOTHING_SEEN = "1:1:"


class RegistryCache:
    """A bounded memory of meters by manufacturer and serial; safe to use from several threads.

    Two generations: when the younger is full it becomes the older, and what is not asked for again goes with it.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._lock = Lock()
        self._seen = _NOTHING_SEEN
        self._looked_at = float("-inf")
        self._state = 0  # grows with everything forgotten
        self._young: dict[str, bytes] = {}
        self._old: dict[str, bytes] = {}
        self._opened = 0

    def look_up(self, connection: Connection, settings: Settings, links: Iterable[Readable]) -> Registry:
        """Return the meters that frames may belong to, with their keys: few queries, however many meters."""
        state = self._catch_up(connection)
        found: dict[tuple[str, str], Registered] = {}
        missing: set[tuple[str, str]] = set()
        looked: set[tuple[str, str]] = set()
        with self._lock:
            for link in links:
                for address in link.candidates:
                    pair = address[:2]
                    if pair in looked:
                        continue
                    looked.add(pair)
                    packed = self._recall(pair[0] + pair[1])
                    if packed is None:
                        missing.add(pair)
                    elif packed:
                        found[pair] = _unpack(packed)
        if missing:
            loaded = _load(connection, settings, list(missing))
            found |= loaded
            with self._lock:
                self._opened += sum(len(meter.keys) for meter in loaded.values())
                if state == self._state:  # nobody has forgotten anything meanwhile
                    for pair in missing:
                        self._remember(pair[0] + pair[1], _pack(loaded[pair]) if pair in loaded else b"")
        return Registry(found)

    def note_use(self, connection: Connection, purpose: str) -> None:
        """Put on record how many keys were opened since the last time."""
        with self._lock:
            opened, self._opened = self._opened, 0
        note_use(connection, purpose, opened)

    def _catch_up(self, connection: Connection) -> int:
        """Forget what has changed since the last look; return the state that then holds."""
        with self._lock:
            seen = self._seen
        changes = connection.execute(_CHANGES, {"seen": seen}).one()
        with self._lock:
            now = time.monotonic()
            # a server that was set back to an older state counts its transactions anew
            if _end(changes.now_seen) < _end(seen) or now - self._looked_at > TRUSTED_S or changes.everything:
                self._young.clear()
                self._old.clear()
                self._state += 1
            elif changes.meters:
                for meter in changes.meters:
                    self._young.pop(meter, None)
                    self._old.pop(meter, None)
                self._state += 1
            if seen == self._seen or _end(changes.now_seen) > _end(self._seen):
                self._seen = changes.now_seen
            self._looked_at = now
            return self._state

    def _recall(self, name: str) -> bytes | None:
        packed = self._young.get(name)
        if packed is None:
            packed = self._old.pop(name, None)
            if packed is not None:
                self._remember(name, packed)
        return packed

    def _remember(self, name: str, packed: bytes) -> None:
        if len(self._young) >= self._limit // 2:
            self._young, self._old = {}, self._young
        self._young[name] = packed


def _end(snapshot: str) -> int:
    """Return the first transaction that a snapshot (xmin:xmax:list) knows nothing of."""
    return int(snapshot.split(":")[1])


def _pack(meter: Registered) -> bytes:
    head = meter.id.to_bytes(4, "big") + bytes((meter.digits,))
    return head + b"".join([bytes((len(key),)) + key for key in meter.keys])


def _unpack(packed: bytes) -> Registered:
    keys, at = [], 5
    while at < len(packed):
        end = at + 1 + packed[at]
        keys.append(packed[at + 1 : end])
        at = end
    return Registered(int.from_bytes(packed[:4], "big"), packed[4], tuple(keys))


def _load(
    connection: Connection, settings: Settings, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Registered]:
    meters = meters_by_address(connection, pairs)
    ids = [meter.id for meter in meters.values()]
    keys = keys_of(connection, settings.require_master_keys(), ids) if ids else {}
    return {pair: Registered(meter.id, meter.digits, keys.get(meter.id, ())) for pair, meter in meters.items()}
