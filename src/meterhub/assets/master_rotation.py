"""Seal all keys anew under another master key while the hub runs.

In chunks, each one transaction: a stop at any moment loses nothing, and the next run goes on where the last one
stopped, since each sealed key tells under which master key it is. Running hubs must know both master keys
meanwhile (`METERHUB_PREVIOUS_MASTER_KEY_FILE`). At the end every key is opened with the new one alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection, Engine, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets.errors import MasterKeyWrong
from meterhub.assets.keys import KEY_CUSTODY
from meterhub.assets.sealing import head_of, identity, master_id, seal, unseal
from meterhub.kit import arrays
from meterhub.kit.db import AnyRow

KEYS_A_TRANSACTION = 2000


class Phase(StrEnum):
    """What a rotation is doing."""

    RESEAL = "seal anew"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Step:
    """How far a phase has come."""

    phase: Phase
    done: int
    total: int


@dataclass(slots=True)
class Rotation:
    """What a rotation did; complete once its steps have all been taken."""

    resealed: int = 0
    verified: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Meters with a key that could not be opened, and why; what is stored of them is unchanged."""


_OTHERS = "FROM meter_key AS k WHERE substring(k.sealed FROM 1 FOR 5) <> :head"
_COUNT_OTHERS = text(f"SELECT count(*) {_OTHERS}")
_COUNT = text("SELECT count(*) FROM meter_key")
_LOCK_OTHERS = text(
    """
    SELECT k.id, m.manufacturer, m.serial, k.sealed
    FROM meter_key AS k JOIN meter AS m ON m.id = k.meter_id
    WHERE k.id > :after AND substring(k.sealed FROM 1 FOR 5) <> :head
    ORDER BY k.id LIMIT :limit FOR UPDATE OF k
    """
)
_RESEAL = text(
    "UPDATE meter_key AS k SET sealed = new.sealed "
    "FROM unnest(CAST(:id AS integer[]), CAST(:sealed AS bytea[])) AS new (id, sealed) WHERE k.id = new.id"
)
_PAGE = text(
    """
    SELECT k.id, m.manufacturer, m.serial, k.sealed
    FROM meter_key AS k JOIN meter AS m ON m.id = k.meter_id
    WHERE k.id > :after ORDER BY k.id LIMIT :limit
    """
)


def rotate(
    engine: Engine, principal: Principal, masters: Sequence[bytes], new: bytes, result: Rotation
) -> Iterator[Step]:
    """Seal every key under `new` and verify it; yields each step once it is committed, fills in `result`.

    `masters` are all that may open what is stored; keys that none of them opens are left as they are.
    """
    _note(engine, principal, "begin-master-rotation", new, {})
    yield from _reseal(engine, masters, new, result)
    yield from _verify(engine, new, result)
    counts = {"resealed": result.resealed, "verified": result.verified, "failed": len(result.failed)}
    _note(engine, principal, "end-master-rotation", new, counts)


def _reseal(engine: Engine, masters: Sequence[bytes], new: bytes, result: Rotation) -> Iterator[Step]:
    values = {"head": head_of(new)}
    with engine.connect() as connection:
        total = connection.execute(_COUNT_OTHERS, values).scalar_one()
    after = done = 0
    while True:
        with engine.begin() as connection:
            rows = connection.execute(_LOCK_OTHERS, values | {"after": after, "limit": KEYS_A_TRANSACTION}).all()
            if not rows:
                return
            result.resealed += _reseal_rows(connection, masters, new, rows, result)
        after, done = rows[-1].id, done + len(rows)
        yield Step(Phase.RESEAL, done, max(done, total))


def _reseal_rows(
    connection: Connection, masters: Sequence[bytes], new: bytes, rows: Sequence[AnyRow], result: Rotation
) -> int:
    sealed = {}
    for row in rows:
        meter = identity(row.manufacturer, row.serial)
        try:
            sealed[row.id] = seal(new, unseal([*masters, new], bytes(row.sealed), meter), meter)
        except MasterKeyWrong as error:
            result.failed[meter] = error.detail
    if sealed:
        values = {"id": arrays.integers(sealed), "sealed": arrays.binaries(sealed.values())}
        connection.execute(_RESEAL, values)
    return len(sealed)


def _verify(engine: Engine, new: bytes, result: Rotation) -> Iterator[Step]:
    with engine.connect() as connection:
        total = connection.execute(_COUNT).scalar_one()
    after = done = 0
    while True:
        with engine.connect() as connection:
            rows = connection.execute(_PAGE, {"after": after, "limit": KEYS_A_TRANSACTION}).all()
        if not rows:
            return
        for row in rows:
            meter = identity(row.manufacturer, row.serial)
            try:
                unseal([new], bytes(row.sealed), meter)
                result.verified += 1
            except MasterKeyWrong as error:
                result.failed.setdefault(meter, error.detail)
        after, done = rows[-1].id, done + len(rows)
        yield Step(Phase.VERIFY, done, max(done, total))


def _note(engine: Engine, principal: Principal, action: str, new: bytes, counts: dict[str, int]) -> None:
    with engine.begin() as connection:
        record(
            connection,
            principal,
            action=action,
            purpose=KEY_CUSTODY,
            subject=f"master-key:{master_id(new).hex()}",
            detail=counts,
        )
