"""Which meters have a key, since when, and whether it opens what they send; never the key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow


class KeyState(StrEnum):
    """Which meters are wanted."""

    ALL = "all"
    NONE = "none"
    """Without any key in custody."""
    WAITING = "waiting"
    """With telegrams that wait for a key, or that the key does not open."""


@dataclass(frozen=True, slots=True)
class KeyTotals:
    """All meters together."""

    meters: int
    with_key: int
    keys: int
    waiting: int


_STATUS = """
    SELECT m.id, m.manufacturer, m.serial, m.model, k.keys, k.newest_at, k.newest_by, r.at AS last_opened_at,
           q.key_missing, q.key_wrong
    FROM meter m
    CROSS JOIN LATERAL (
        SELECT count(*) AS keys, max(created_at) AS newest_at,
               (array_agg(created_by ORDER BY id DESC))[1] AS newest_by
        FROM meter_key WHERE meter_id = m.id
    ) k
    LEFT JOIN LATERAL (
        SELECT at FROM register_read WHERE meter_id = m.id AND source = 'amr' ORDER BY at DESC LIMIT 1
    ) r ON true
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE reason = 'key-missing') AS key_missing,
               count(*) FILTER (WHERE reason = 'key-wrong') AS key_wrong
        FROM quarantine
        WHERE manufacturer = m.manufacturer AND serial = m.serial AND resolved_at IS NULL
    ) q
    WHERE {wanted} AND m.id > :after AND starts_with(m.serial, :search)
    ORDER BY m.id LIMIT :limit
"""
_WAITING = (
    "(m.manufacturer, m.serial) IN (SELECT manufacturer, serial FROM quarantine "
    "WHERE resolved_at IS NULL AND reason IN ('key-missing', 'key-wrong'))"
)
_WANTED = {
    KeyState.ALL: "true",
    KeyState.NONE: "NOT EXISTS (SELECT FROM meter_key n WHERE n.meter_id = m.id)",
    KeyState.WAITING: _WAITING,
}
_TOTALS = text(
    f"SELECT (SELECT count(*) FROM meter) AS meters, count(DISTINCT meter_id) AS with_key, count(*) AS keys, "  # noqa: S608 - our own words
    f"(SELECT count(*) FROM meter m WHERE {_WAITING}) AS waiting FROM meter_key"
)
_OF_METER = text(_STATUS.format(wanted="m.id = :meter"))


def key_statuses(
    connection: Connection, *, state: KeyState, search: str, after: int, limit: int
) -> Sequence[AnyRow]:
    """Return the keys' state of meters in order of their registration; `search` begins a serial."""
    statement = text(_STATUS.format(wanted=_WANTED[state]))
    return connection.execute(statement, {"after": after, "search": search, "limit": limit}).all()


def key_status_of(connection: Connection, meter_id: int) -> AnyRow:
    """Return the keys' state of one meter."""
    return connection.execute(_OF_METER, {"meter": meter_id, "after": 0, "search": "", "limit": 1}).one()


def key_totals(connection: Connection) -> KeyTotals:
    """Return numbers over all meters."""
    return KeyTotals(*connection.execute(_TOTALS).one())


def last_wrong_at(connection: Connection, manufacturer: str, serial: str) -> datetime | None:
    """Return when the newest telegram entered quarantine that no key of a meter opens."""
    found: datetime | None = connection.execute(
        text(
            "SELECT max(entered_at) FROM quarantine WHERE manufacturer = :m AND serial = :s "
            "AND resolved_at IS NULL AND reason IN ('key-missing', 'key-wrong')"
        ),
        {"m": manufacturer, "s": serial},
    ).scalar()
    return found
