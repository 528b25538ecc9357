"""Does a key fit? Tried on what was heard of a meter in the last days; nothing is stored but that it was asked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets.keys import KEY_CUSTODY, keys_of
from meterhub.assets.sealing import identity
from meterhub.ingest.decoding import Damaged, open_link
from meterhub.kit import arrays
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore, FrameError, SecurityResult, decode

TELEGRAMS_A_METER = 100
TELEGRAMS_IN_A_SURVEY = 5
METERS_A_STEP = 500


class Fit(StrEnum):
    """What a clerk wants to know."""

    FITS = "fits"
    OLDER_FITS = "older-fits"
    """An older key of the meter opens its telegrams, the newest does not."""
    DOES_NOT_FIT = "does-not-fit"
    NO_KEY = "no-key"
    NOT_ENCRYPTED = "not-encrypted"
    NOT_HEARD = "not-heard"
    NOT_READABLE = "not-readable"
    """Only damaged telegrams, or protected in a way that is not known."""


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """How many telegrams keys open; `opened` counts those that the newest opens."""

    telegrams: int = 0
    opened: int = 0
    opened_by_older: int = 0
    not_opened: int = 0
    plain: int = 0
    unreadable: int = 0
    keys: int = 0

    @property
    def fit(self) -> Fit:
        """Say what the counts mean; that a wrong key opens one telegram by chance happens once in 65,536."""
        if self.telegrams == 0:
            return Fit.NOT_HEARD
        if self.opened or self.opened_by_older:
            return Fit.FITS if self.opened else Fit.OLDER_FITS
        if self.not_opened:
            return Fit.DOES_NOT_FIT if self.keys else Fit.NO_KEY
        return Fit.NOT_ENCRYPTED if self.plain else Fit.NOT_READABLE


@dataclass(frozen=True, slots=True)
class MeterCheck:
    """A meter and what its keys open."""

    manufacturer: str
    serial: str
    check: KeyCheck


def check_keys(frames: Iterable[bytes], keys: Sequence[bytes]) -> KeyCheck:
    """Try keys, newest first, on frames of one meter. Pure."""
    formats = FormatStore()
    found = [_outcome(frame, keys, formats) for frame in frames]
    return KeyCheck(
        telegrams=len(found),
        opened=found.count("opened"),
        opened_by_older=found.count("opened_by_older"),
        not_opened=found.count("not_opened"),
        plain=found.count("plain"),
        unreadable=found.count("unreadable"),
        keys=len(keys),
    )


def _outcome(frame: bytes, keys: Sequence[bytes], formats: FormatStore) -> str:
    link = open_link(frame)
    if isinstance(link, Damaged):
        return "unreadable"
    tried: Sequence[bytes | None] = keys or (None,)
    for place, key in enumerate(tried):
        try:
            security = decode(link.to_decode, key, formats).security
        except FrameError:
            return "unreadable"
        if security is SecurityResult.PLAIN:
            return "plain"
        if security is SecurityResult.UNSUPPORTED:
            return "unreadable"
        if security is SecurityResult.DECRYPTED:
            return "opened_by_older" if place else "opened"
    return "not_opened"


_HEARD = text(
    """
    SELECT m.id, m.manufacturer, m.serial, heard.frame
    FROM unnest(CAST(:meter_ids AS integer[])) AS wanted (id)
    JOIN meter AS m USING (id)
    LEFT JOIN LATERAL (
        SELECT f.frame, f.received_at
        FROM (
            (SELECT r.raw_frame_id FROM register_read AS r
             WHERE r.meter_id = m.id AND r.at >= :since AND r.raw_frame_id IS NOT NULL
             ORDER BY r.at DESC LIMIT :limit)
            UNION
            (SELECT q.raw_frame_id FROM quarantine AS q
             WHERE q.manufacturer = m.manufacturer AND q.serial = m.serial AND q.resolved_at IS NULL
             ORDER BY q.raw_frame_id DESC LIMIT :limit)
        ) AS newest JOIN raw_frame AS f ON f.id = newest.raw_frame_id
        WHERE f.received_at >= :since
        ORDER BY f.received_at DESC LIMIT :limit
    ) AS heard ON true
    ORDER BY m.id, heard.received_at DESC
    """
)
_NEXT_METERS = text("SELECT id FROM meter WHERE id > :after ORDER BY id LIMIT :limit")


def check_meter(
    connection: Connection,
    principal: Principal,
    settings: Settings,
    meter_id: int,
    *,
    since: datetime,
    key: bytes | None = None,
) -> KeyCheck:
    """Try a key, or without one those in custody, on the newest telegrams of a meter; the look is on record."""
    ((manufacturer, serial), frames), *_ = _heard(connection, [meter_id], since, TELEGRAMS_A_METER).values()
    keys: Sequence[bytes] = (key,) if key else ()
    if key is None:
        keys = keys_of(connection, settings.require_master_keys(), [meter_id]).get(meter_id, ())
    subject = f"meter:{identity(manufacturer, serial)}"
    detail = {"key": "given" if key else "in custody"}
    record(connection, principal, action="check-meter-key", purpose=KEY_CUSTODY, subject=subject, detail=detail)
    return check_keys(frames, keys)


def survey(
    engine: Engine, principal: Principal, settings: Settings, *, since: datetime, key: bytes | None = None
) -> Iterator[list[MeterCheck]]:
    """Try each meter's keys, or one key on all meters, on a few of their newest telegrams; yields in steps."""
    with engine.begin() as connection:
        detail = {"key": "given" if key else "in custody"}
        record(connection, principal, action="check-all-meter-keys", purpose=KEY_CUSTODY, detail=detail)
    after = 0
    while True:
        with engine.connect() as connection:
            ids = connection.execute(_NEXT_METERS, {"after": after, "limit": METERS_A_STEP}).scalars().all()
            if not ids:
                return
            heard = _heard(connection, ids, since, TELEGRAMS_IN_A_SURVEY)
            kept = {} if key else keys_of(connection, settings.require_master_keys(), ids)
        yield [
            MeterCheck(*name, check_keys(frames, (key,) if key else kept.get(meter_id, ())))
            for meter_id, (name, frames) in heard.items()
        ]
        after = ids[-1]


def _heard(
    connection: Connection, meter_ids: Sequence[int], since: datetime, limit: int
) -> dict[int, tuple[tuple[str, str], list[bytes]]]:
    """Return name and newest frames of meters, also of those that were not heard."""
    found: dict[int, tuple[tuple[str, str], list[bytes]]] = {}
    values = {"meter_ids": arrays.integers(meter_ids), "since": since, "limit": limit}
    for row in connection.execute(_HEARD, values):
        _, frames = found.setdefault(row.id, ((row.manufacturer, row.serial), []))
        if row.frame is not None:
            frames.append(bytes(row.frame))
    return found
