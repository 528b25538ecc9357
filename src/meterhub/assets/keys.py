"""Meter keys in custody: sealed under the master key with AES-256-GCM (NIST SP 800-38D).

A sealed key is `version byte | nonce (12) | tag (16) | ciphertext`. The meter's identity is authenticated
with it, so that a row moved to another meter does not open. A new key is a new row: telegrams sent under
the older one stay readable. Keys are never shown to people; only ingest asks for them.
"""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from Crypto.Cipher import AES
from sqlalchemy import Connection, select, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets.errors import MasterKeyWrong
from meterhub.assets.retry import retry_telegrams_of
from meterhub.assets.tables import meter as meter_table
from meterhub.errors import BadInput, NotFound
from meterhub.settings import Settings

KEY_LENGTHS = (16, 8)  # AES-128, and the 8 bytes of meters from before it (PRIOS)

KEY_CUSTODY = "key-custody"

_VERSION = b"\x01"
_NONCE = slice(1, 13)
_TAG = slice(13, 29)
_CIPHERTEXT = slice(29, None)


def identity(manufacturer: str, serial: str) -> str:
    """Return the name of a meter that its sealed keys are bound to."""
    return f"{manufacturer}:{serial}"


def seal(master: bytes, key: bytes, meter: str) -> bytes:
    """Return a meter's key as it is stored; `meter` is its `identity`."""
    if len(key) not in KEY_LENGTHS:
        raise ValueError(f"a meter key has {KEY_LENGTHS[0]} or {KEY_LENGTHS[1]} bytes, not {len(key)}")
    nonce = secrets.token_bytes(_NONCE.stop - _NONCE.start)
    cipher = AES.new(master, AES.MODE_GCM, nonce=nonce)
    cipher.update(meter.encode())
    ciphertext, tag = cipher.encrypt_and_digest(key)
    return _VERSION + nonce + tag + ciphertext


def unseal(master: bytes, sealed: bytes, meter: str) -> bytes:
    """Return the key behind what `seal` made; MasterKeyWrong if it was sealed otherwise."""
    if sealed[:1] != _VERSION or len(sealed) <= _CIPHERTEXT.start:
        raise MasterKeyWrong(f"a key of meter {meter} is stored in a form that this version does not know")
    cipher = AES.new(master, AES.MODE_GCM, nonce=sealed[_NONCE])
    cipher.update(meter.encode())
    try:
        return cipher.decrypt_and_verify(sealed[_CIPHERTEXT], sealed[_TAG])
    except ValueError:
        raise MasterKeyWrong(
            f"a key of meter {meter} does not open: the master key is not the one it was stored under, "
            "or the row was changed"
        ) from None


def parse_key(key_hex: str) -> bytes:
    """Return the bytes of a key as manufacturers write them: 32 hex digits (16 for the older kind)."""
    if any(character.isspace() for character in key_hex):
        raise BadInput("the key has blanks in it: write its hex digits together", fields={"key": "has blanks"})
    # the value itself is never repeated: it would end up in logs
    try:
        key = bytes.fromhex(key_hex)
    except ValueError:
        key = b""
    if len(key) not in KEY_LENGTHS:
        raise BadInput(
            f"a key has 32 hex digits (16 for the older kind); this one has {len(key_hex)} characters",
            fields={"key": "not 32 hex digits"},
        )
    return key


_KEYS_OF = text(
    """
    SELECT k.meter_id, m.manufacturer, m.serial, k.sealed
    FROM unnest(CAST(:meter_ids AS integer[])) AS wanted (meter_id)
    JOIN meter_key AS k USING (meter_id)
    JOIN meter AS m ON m.id = k.meter_id
    ORDER BY k.id DESC
    """
)

_LOCKED = text(
    "SELECT id, manufacturer, serial FROM meter WHERE id = ANY(CAST(:ids AS integer[])) ORDER BY id FOR UPDATE"
)
_INSERT = text(
    "INSERT INTO meter_key (meter_id, sealed, created_by) "
    "SELECT meter_id, sealed, :created_by "
    "FROM unnest(CAST(:meter_ids AS integer[]), CAST(:sealed AS bytea[])) AS new (meter_id, sealed)"
)


def keys_of(connection: Connection, master: bytes, meter_ids: Sequence[int]) -> dict[int, tuple[bytes, ...]]:
    """Return the keys of many meters in one query, newest first; meters without any are left out."""
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    for meter_id, manufacturer, serial, sealed in connection.execute(
        _KEYS_OF, {"meter_ids": list(set(meter_ids))}
    ):
        found[meter_id].append(unseal(master, sealed, identity(manufacturer, serial)))
    return {meter_id: tuple(keys) for meter_id, keys in found.items()}


def key_for(connection: Connection, settings: Settings, meter_id: int) -> list[bytes]:
    """Return the keys of one meter, newest first; empty if it has none."""
    return list(keys_of(connection, settings.require_master_key(), [meter_id]).get(meter_id, ()))


def store_keys(
    connection: Connection, principal: Principal, master: bytes, wanted: Mapping[int, bytes]
) -> list[int]:
    """Store keys by meter id, each as its meter's newest, and have waiting telegrams tried again.

    Returns the meters for which it was news: a key that is the newest already changes nothing.
    """
    # locked, so that two uploads at once do not both find themselves newest
    meters = connection.execute(_LOCKED, {"ids": list(wanted)}).all()
    kept = keys_of(connection, master, list(wanted))
    new = [meter for meter in meters if kept.get(meter.id, ())[:1] != (wanted[meter.id],)]
    if not new:
        return []
    meter_ids = [meter.id for meter in new]
    sealed = [seal(master, wanted[meter.id], identity(meter.manufacturer, meter.serial)) for meter in new]
    connection.execute(_INSERT, {"meter_ids": meter_ids, "sealed": sealed, "created_by": principal.name})
    retry_telegrams_of(connection, meter_ids)
    return meter_ids


def add_key(connection: Connection, principal: Principal, settings: Settings, meter_id: int, key_hex: str) -> None:
    """Store a meter's key as its newest and have its quarantined telegrams tried again.

    The key that is the newest already is accepted and changes nothing.
    """
    key = parse_key(key_hex)
    meter = connection.execute(select(meter_table).where(meter_table.c.id == meter_id)).first()
    if meter is None:
        raise NotFound(f"there is no meter with the id {meter_id}")
    if store_keys(connection, principal, settings.require_master_key(), {meter_id: key}):
        subject = f"meter:{identity(meter.manufacturer, meter.serial)}"
        record(connection, principal, action="add-meter-key", purpose=KEY_CUSTODY, subject=subject)


@dataclass(frozen=True, slots=True)
class KeyStock:
    """What is told of all keys together; `opened` were tried with the master key."""

    meters: int
    meters_with_key: int
    keys: int
    opened: int


_STOCK = text(
    "SELECT (SELECT count(*) FROM meter) AS meters, count(DISTINCT meter_id) AS meters_with_key, "
    "count(*) AS keys FROM meter_key"
)
_NEWEST = text(
    "SELECT m.manufacturer, m.serial, k.sealed FROM meter_key AS k JOIN meter AS m ON m.id = k.meter_id "
    "ORDER BY k.id DESC LIMIT 1000"
)


def key_stock(connection: Connection, settings: Settings) -> KeyStock:
    """Count the keys and try the newest 1,000 with the master key; MasterKeyWrong if one does not open."""
    meters, meters_with_key, keys = connection.execute(_STOCK).one()
    newest = connection.execute(_NEWEST).all()
    if newest:
        master = settings.require_master_key()
        for row in newest:
            unseal(master, row.sealed, identity(row.manufacturer, row.serial))
    return KeyStock(meters, meters_with_key, keys, opened=len(newest))
