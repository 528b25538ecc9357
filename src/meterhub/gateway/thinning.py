"""Which of the telegrams that were heard go to the hub, where a gateway shall not send all of them. Pure.

By meter and kind of telegram the last one before each full quarter or hour goes, and besides each one whose status
byte differs from the one before. The first of a meter goes at once. That byte stands outside the encryption where
the transport layer has a header (EN 13757-7, 7.5); alarms inside encrypted records are not seen here, and come
with the next telegram that goes. What is not understood, and each fragment of a longer message, goes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from meterhub.wmbus import FrameError, addresses, strip_crc
from meterhub.wmbus.afl import MORE_FRAGMENTS
from meterhub.wmbus.identity import ELL_SIZE, tpl_offset
from meterhub.wmbus.tpl import parse as parse_header

T = TypeVar("T")

_HEADER = 10
_AUTHENTICATION = 0x90
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Telegrams take a moment from the air to here; a boundary is over a little later.
GRACE = timedelta(seconds=5)


class Keep(StrEnum):
    """Which telegrams of a meter go to the hub."""

    ALL = "all"
    QUARTER = "quarter"
    HOUR = "hour"


STEP = {Keep.QUARTER: timedelta(minutes=15), Keep.HOUR: timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Heard:
    """What thinning has to know of a telegram; `kind` is None for one that always goes."""

    kind: bytes | None
    status: int | None
    meters: tuple[tuple[str, str], ...]
    """Under which the hub may know it: manufacturer and serial, as the layers say."""


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    """What is known of a kind of telegram: when and with which status it came last, and whether it still waits."""

    seen_at: datetime
    status: int | None
    telegram: T | None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What goes now, what is known from now on, and how many telegrams are given up."""

    go: tuple[T, ...]
    known: Waiting[T]
    thinned: int


def bucket(at: datetime, step: timedelta) -> int:
    """Return the number of the quarter or hour (UTC) of an instant."""
    return (at - _EPOCH) // step


def look(frame: bytes) -> Heard:
    """Return what thinning has to know of a frame, which may still have its CRCs; never raises."""
    try:
        plain = strip_crc(frame).frame
    except FrameError:
        return Heard(None, None, ())
    meters = tuple((address.manufacturer, address.serial) for address in addresses(plain))
    if _is_fragment(plain):
        return Heard(None, None, meters)
    at = tpl_offset(plain)
    ci = plain[at] if at < len(plain) else 0
    try:
        header = parse_header(plain, at)
        status = None if header.access_number is None else header.status
    except (IndexError, KeyError):  # no transport layer, one of a maker's own, or an encrypted one
        status = None
    return Heard(plain[2:_HEADER] + bytes((ci,)) + len(plain).to_bytes(2, "big"), status, meters)


def _is_fragment(frame: bytes) -> bool:
    at = _HEADER
    if at < len(frame):
        at += ELL_SIZE.get(frame[at], 0)
    if at + 4 > len(frame) or frame[at] != _AUTHENTICATION:
        return False
    control = int.from_bytes(frame[at + 2 : at + 4], "little")
    return bool(control & 0xFF or control & MORE_FRAGMENTS)


def offer(known: Waiting[T] | None, telegram: T, at: datetime, status: int | None, step: timedelta) -> Outcome[T]:
    """Judge a telegram of a kind by what is known of the kind."""
    if known is None:
        return Outcome((telegram,), Waiting(at, status, None), 0)
    if at < known.seen_at:  # two receivers, out of order: the later one is the last of its quarter already
        return Outcome((telegram,), known, 0)
    over = bucket(at, step) != bucket(known.seen_at, step)
    go = (known.telegram,) if over and known.telegram is not None else ()
    thinned = int(not over and known.telegram is not None)
    if status != known.status:
        return Outcome((*go, telegram), Waiting(at, status, None), thinned)
    return Outcome(go, Waiting(at, status, telegram), thinned)


def due(known: Waiting[T], now: datetime, step: timedelta) -> T | None:
    """Return the telegram that waited for a boundary which is over."""
    over = bucket(known.seen_at, step) < bucket(now - GRACE, step)
    return known.telegram if over else None
