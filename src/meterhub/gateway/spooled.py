"""What the spool holds: telegrams as they were heard, batches of them, and how they stand in its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from meterhub.gateway.thinning import Waiting

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class HeardTelegram:
    """A frame with the circumstances in which it was heard."""

    frame: bytes
    received_at: datetime
    rssi_dbm: int | None
    link_mode: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Telegrams that follow each other in the spool, and the rows that they are."""

    telegrams: tuple[HeardTelegram, ...]
    first_id: int
    last_id: int
    file_number: int
    """Which file of this process they are from: row numbers start again in a new file."""


@dataclass(frozen=True, slots=True)
class RejectedTelegram:
    """A telegram that the hub will not take, with its reason."""

    telegram: HeardTelegram
    code: str
    message: str


Known = Mapping[bytes, Waiting[HeardTelegram]]
"""What thinning knows, by kind of telegram."""


def microseconds(at: datetime) -> int:
    """Return an instant as microseconds since 1970 (UTC)."""
    return (at - _EPOCH) // _MICROSECOND


def row_of(telegram: HeardTelegram) -> tuple[bytes, int, int | None, str | None]:
    """Return a telegram as a row holds it."""
    return telegram.frame, microseconds(telegram.received_at), telegram.rssi_dbm, telegram.link_mode


def telegram_of(row: Sequence[object]) -> HeardTelegram:
    """Return the telegram that a row holds."""
    frame, received_at, rssi_dbm, link_mode = row
    assert isinstance(frame, bytes)
    assert isinstance(received_at, int)
    assert rssi_dbm is None or isinstance(rssi_dbm, int)
    assert link_mode is None or isinstance(link_mode, str)
    return HeardTelegram(frame, _EPOCH + timedelta(microseconds=received_at), rssi_dbm, link_mode)


def known_row(kind: bytes, known: Waiting[HeardTelegram]) -> tuple[object, ...]:
    """Return what thinning knows of a kind as a row holds it."""
    telegram = (None, None, None, None) if known.telegram is None else row_of(known.telegram)
    return kind, microseconds(known.seen_at), known.status, *telegram


def known_of(row: Sequence[object]) -> tuple[bytes, Waiting[HeardTelegram]]:
    """Return a kind, and what the row says that thinning knows of it."""
    kind, seen_at, status, *telegram = row
    assert isinstance(kind, bytes)
    assert isinstance(seen_at, int)
    assert status is None or isinstance(status, int)
    waiting = None if telegram[0] is None else telegram_of(telegram)
    return kind, Waiting(_EPOCH + timedelta(microseconds=seen_at), status, waiting)
