"""Room for the spool: how much it may take, and what goes first when that is used up.

First the oldest telegrams are thinned to the last one of each meter, kind, status and hour; where that does not
help enough, the oldest go altogether. What is being uploaded is left alone. All that goes is counted in the file,
in the same transaction.
"""

import os
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from meterhub.gateway.thinning import look

BALLAST_BYTES = 256 * 1024
CHUNK = 5_000
"""Telegrams that are thinned at once; also how many of the newest are never thinned."""
PORTIONS = 3
"""Portions that are thinned before telegrams go altogether, so that a full spool delays nobody for long."""
DROPPED = 1_000
"""Telegrams that go altogether at once, at least."""
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


class Ballast:
    """Some room that is held back, so that delivered telegrams can be deleted when the disk is full.

    Deleting takes room too, until the deletion is complete: without it a full disk would stay full for ever.
    """

    def __init__(self, spool: Path) -> None:
        self._path = Path(f"{spool}.ballast")

    def take_on(self) -> None:
        """Hold the room back, if the disk has it."""
        if self._path.exists():
            return
        try:
            if disk_free_bytes(self._path) > 2 * BALLAST_BYTES:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
                finally:
                    os.close(descriptor)
        except OSError:  # no disk to hold it back on, or one that cannot: then there is none
            self._path.unlink(missing_ok=True)

    def throw_off(self) -> bool:
        """Give the room free; tell whether there was some."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def to_thin(
    connection: sqlite3.Connection, thinned_to: int, spared: tuple[int, int]
) -> tuple[list[tuple[int]], int]:
    """Return the row numbers that go when the next portion is thinned, and up to which row it reaches.

    `spared` is the range of rows that is being uploaded.
    """
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM telegram").fetchone()
    rows = connection.execute(
        "SELECT id, frame, received_at FROM telegram WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        (thinned_to, newest - CHUNK, CHUNK),
    ).fetchall()
    gone = [(id_,) for id_ in _not_last(rows) if not spared[0] <= id_ <= spared[1]]
    return gone, rows[-1][0] if rows else thinned_to


def oldest(connection: sqlite3.Connection, spared: tuple[int, int], many: int) -> list[tuple[int]]:
    """Return the row numbers that go altogether."""
    statement = "SELECT id FROM telegram WHERE id NOT BETWEEN ? AND ? ORDER BY id LIMIT ?"
    return connection.execute(statement, (*spared, many)).fetchall()


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
