"""Room for the spool: how much it may take, and what goes first when that is used up.

First the oldest telegrams are thinned to the last one of each meter, kind, status and hour; when all but the
newest are thinned, the oldest go altogether. What is being uploaded is left alone. All that goes is counted in the file,
in the same transaction.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from meterhub.gateway.thinning import look

CHUNK = 5_000
"""Telegrams that are thinned at once; also how many of the newest are never thinned."""
DROPPED = 1_000
"""Telegrams that go altogether at once."""
_HOUR_US = timedelta(hours=1) // timedelta(microseconds=1)
DEFAULT_LIMIT_BYTES = 4 * 2**30
DEFAULT_RESERVE_BYTES = 200 * 2**20
_FREE_PAGES_ENOUGH = 256


@dataclass(frozen=True, slots=True)
class Room:
    """What the spool may take, and what it must leave on its disk [bytes]."""

    limit_bytes: int = DEFAULT_LIMIT_BYTES
    reserve_bytes: int = DEFAULT_RESERVE_BYTES


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return what the spool's rows take in its file; pages that were freed are used again."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages - free) * int(size)


def is_full(connection: sqlite3.Connection, path: Path, room: Room) -> bool:
    """Tell whether the spool must give up telegrams before it takes more."""
    if used_bytes(connection) > room.limit_bytes:
        return True
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    try:
        return bool(free < _FREE_PAGES_ENOUGH and disk_free_bytes(path) < room.reserve_bytes)
    except OSError:  # the write that follows tells what is wrong with the disk
        return False


def disk_free_bytes(path: Path) -> int:
    """Return what is left on the disk of the spool."""
    return shutil.disk_usage(path.parent).free


def to_drop(
    connection: sqlite3.Connection, thinned_to: int, spared: tuple[int, int]
) -> tuple[list[tuple[int]], int]:
    """Return the row numbers that go next, and up to which row the spool is thinned then.

    `spared` is the range of rows that is being uploaded.
    """
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM telegram").fetchone()
    rows = connection.execute(
        "SELECT id, frame, received_at FROM telegram WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        (thinned_to, newest - CHUNK, CHUNK),
    ).fetchall()
    if rows:
        return [(id_,) for id_ in _not_last(rows) if not spared[0] <= id_ <= spared[1]], rows[-1][0]
    oldest = connection.execute(
        "SELECT id FROM telegram WHERE id NOT BETWEEN ? AND ? ORDER BY id LIMIT ?", (*spared, DROPPED)
    ).fetchall()
    return oldest, thinned_to


def _not_last(rows: Sequence[tuple[int, bytes, int]]) -> list[int]:
    """Return the rows after which another of the same meter, kind and hour comes; what is not understood stays."""
    last: set[tuple[bytes, int | None, int]] = set()
    gone = []
    for id_, frame, received_at in reversed(rows):
        heard = look(frame)
        if heard.kind is None:
            continue
        key = (heard.kind, heard.status, received_at // _HOUR_US)
        if key in last:
            gone.append(id_)
        last.add(key)
    return gone
