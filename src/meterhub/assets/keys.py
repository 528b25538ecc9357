"""Meter keys in custody: stored sealed (`meterhub.assets.sealing`), never shown to people.

A new key is a new row: telegrams sent under the older one stay readable. Who opens keys is counted by day
and purpose (`note_use`), since a line for each telegram would bury the log.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text

from meterhub.access.audit import record
from meterhub.access.principal import SYSTEM, Principal
from meterhub.assets.retry import retry_telegrams_of
from meterhub.assets.sealing import identity, parse_key, seal, sealed_under, unseal
from meterhub.assets.tables import meter as meter_table
from meterhub.assets.tables import meter_key
from meterhub.errors import NotFound
from meterhub.kit import arrays
from meterhub.settings import Settings

KEY_CUSTODY = "key-custody"


_KEYS_OF = text(
    """
    SELECT k.meter_id, m.manufacturer, m.serial, k.sealed
    FROM unnest(CAST(:meter_ids AS integer[])) AS wanted (meter_id)
    JOIN meter_key AS k USING (meter_id)
    JOIN meter AS m ON m.id = k.meter_id
    ORDER BY k.id DESC
    """
)

_LOCK = text("SELECT 1 FROM meter WHERE id = ANY(CAST(:ids AS integer[])) ORDER BY id FOR UPDATE")
_NAMES = text("SELECT id, manufacturer, serial FROM meter WHERE id = ANY(CAST(:ids AS integer[]))")
_INSERT = text(
    "INSERT INTO meter_key (meter_id, sealed, created_by) "
    "SELECT meter_id, sealed, :created_by "
    "FROM unnest(CAST(:meter_ids AS integer[]), CAST(:sealed AS bytea[])) AS new (meter_id, sealed)"
)


def keys_of(
    connection: Connection, masters: Sequence[bytes], meter_ids: Sequence[int]
) -> dict[int, tuple[bytes, ...]]:
    """Return the keys of many meters in one query, newest first; meters without any are left out."""
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    for meter_id, manufacturer, serial, sealed in connection.execute(
        _KEYS_OF, {"meter_ids": list(set(meter_ids))}
    ):
        found[meter_id].append(unseal(masters, sealed, identity(manufacturer, serial)))
    return {meter_id: tuple(keys) for meter_id, keys in found.items()}


def key_for(connection: Connection, settings: Settings, meter_id: int) -> list[bytes]:
    """Return the keys of one meter, newest first; empty if it has none."""
    return list(keys_of(connection, settings.require_master_keys(), [meter_id]).get(meter_id, ()))


def store_keys(
    connection: Connection, principal: Principal, masters: Sequence[bytes], wanted: Mapping[int, bytes]
) -> list[int]:
    """Store keys by meter id, each as its meter's newest, and have waiting telegrams tried again.

    Returns the meters for which it was news: a key that is the newest already changes nothing.
    """
    kept = lock_keys_of(connection, masters, list(wanted))
    new = [meter_id for meter_id, key in wanted.items() if kept.get(meter_id, ())[:1] != (key,)]
    store_new_keys(connection, principal, masters[0], {meter_id: wanted[meter_id] for meter_id in new})
    return new


def lock_keys_of(
    connection: Connection, masters: Sequence[bytes], meter_ids: Sequence[int]
) -> dict[int, tuple[bytes, ...]]:
    """Return the keys of meters as `keys_of`; until the transaction ends nobody else adds keys of them."""
    connection.execute(_LOCK, {"ids": list(meter_ids)})
    return keys_of(connection, masters, meter_ids)


def store_new_keys(connection: Connection, principal: Principal, master: bytes, new: Mapping[int, bytes]) -> None:
    """Store keys by meter id, sealed under a master key, whatever is kept; have waiting telegrams tried again."""
    if not new:
        return
    meters = connection.execute(_NAMES, {"ids": list(new)}).all()
    sealed = [seal(master, new[meter.id], identity(meter.manufacturer, meter.serial)) for meter in meters]
    values = {"meter_ids": arrays.integers(meter.id for meter in meters), "sealed": arrays.binaries(sealed)}
    connection.execute(_INSERT, values | {"created_by": principal.name})
    retry_telegrams_of(connection, list(new))


def add_key(connection: Connection, principal: Principal, settings: Settings, meter_id: int, key_hex: str) -> None:
    """Store a meter's key as its newest and have its quarantined telegrams tried again.

    The key that is the newest already is accepted and changes nothing.
    """
    key = parse_key(key_hex)
    meter = connection.execute(select(meter_table).where(meter_table.c.id == meter_id)).first()
    if meter is None:
        raise NotFound(f"there is no meter with the id {meter_id}")
    if store_keys(connection, principal, settings.require_master_keys(), {meter_id: key}):
        subject = f"meter:{identity(meter.manufacturer, meter.serial)}"
        record(connection, principal, action="add-meter-key", purpose=KEY_CUSTODY, subject=subject)


_NOTE_USE = text(
    """
    INSERT INTO key_use_day AS old (day, purpose, opened) VALUES (current_date, :purpose, :opened)
    ON CONFLICT (day, purpose) DO UPDATE SET opened = old.opened + excluded.opened
    RETURNING (xmax = 0) AS first
    """
)


def note_use(connection: Connection, purpose: str, opened: int) -> None:
    """Add keys that a machine has opened to the count of the day [UTC]; the first of a day is on record."""
    if opened and connection.execute(_NOTE_USE, {"purpose": purpose, "opened": opened}).scalar_one():
        record(connection, SYSTEM, action="use-meter-keys", purpose=purpose)


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key in custody as it may be shown: when it came, from whom, under which master key it is sealed."""

    since_at: datetime
    by: str
    master: str


def key_history(connection: Connection, meter_id: int) -> list[KeptKey]:
    """Return what is told of each key of a meter, newest first."""
    statement = (
        select(meter_key.c.created_at, meter_key.c.created_by, meter_key.c.sealed)
        .where(meter_key.c.meter_id == meter_id)
        .order_by(meter_key.c.id.desc())
    )
    rows = connection.execute(statement)
    return [KeptKey(row.created_at, row.created_by, sealed_under(bytes(row.sealed))) for row in rows]


@dataclass(frozen=True, slots=True)
class KeyStock:
    """What is told of all keys together; `opened` were tried with the master keys."""

    meters: int
    meters_with_key: int
    keys: int
    opened: int
    by_master: Mapping[str, int]
    """How many keys are sealed under which master key, by its id; empty where the older form does not tell."""


_STOCK = text(
    "SELECT (SELECT count(*) FROM meter) AS meters, count(DISTINCT meter_id) AS meters_with_key, "
    "count(*) AS keys FROM meter_key"
)
_HEADS = text("SELECT substring(sealed FROM 1 FOR 5) AS head, count(*) AS keys FROM meter_key GROUP BY 1")
_NEWEST = text(
    "SELECT m.manufacturer, m.serial, k.sealed FROM meter_key AS k JOIN meter AS m ON m.id = k.meter_id "
    "ORDER BY k.id DESC LIMIT 1000"
)


def key_stock(connection: Connection, settings: Settings) -> KeyStock:
    """Count the keys and try the newest 1,000 with the master keys; MasterKeyWrong if one does not open."""
    meters, meters_with_key, keys = connection.execute(_STOCK).one()
    by_master = Counter[str]()
    for row in connection.execute(_HEADS):
        by_master[sealed_under(bytes(row.head))] += row.keys
    newest = connection.execute(_NEWEST).all()
    if newest:
        masters = settings.require_master_keys()
        for row in newest:
            unseal(masters, bytes(row.sealed), identity(row.manufacturer, row.serial))
    return KeyStock(meters, meters_with_key, keys, opened=len(newest), by_master=dict(by_master))
