"""Store and forward: heard telegrams stay in an SQLite file until the hub has acknowledged them.

What `append` has stored is on the disk (WAL, `synchronous=FULL`): neither kill -9 nor a power cut at any
moment loses it. It leaves the file only by `acknowledge`, or is counted as dropped where there is no `room`. An
acknowledgement that could not be written is kept in memory and made up for later; after a restart its telegrams
are sent again, which the hub tolerates.

A full disk is not fatal: what cannot be stored waits in memory, up to a limit, and is stored before anything
newer. A corrupt file is set aside under another name, and a new one is begun.
"""

import contextlib
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from meterhub.gateway import room, spool_clock
from meterhub.gateway.room import Ballast, Room
from meterhub.gateway.spool_clock import Clock, jump_us
from meterhub.gateway.spool_file import SpoolError, is_corrupt, is_full, lock_spool, open_spool, set_aside
from meterhub.gateway.spooled import (
    Batch,
    HeardTelegram,
    Known,
    RejectedTelegram,
    known_of,
    known_row,
    row_of,
    telegram_of,
)
from meterhub.gateway.thinning import Waiting

__all__ = ["Batch", "HeardTelegram", "RejectedTelegram", "Spool"]

log = logging.getLogger(__name__)

MEMORY_LIMIT = 20_000
"""Telegrams that may wait in memory while the disk takes none."""
REJECTED_LIMIT = 10_000
"""Rejected telegrams that are kept for inspection; the oldest go first."""

_INSERT = "INSERT INTO telegram (frame, received_at, rssi_dbm, link_mode) VALUES (?, ?, ?, ?)"
_INSERT_REJECTED = """
INSERT INTO rejected (frame, received_at, rssi_dbm, link_mode, code, message) VALUES (?, ?, ?, ?, ?, ?)"""
_KEEP = """
INSERT INTO kept (kind, seen_at, status, frame, received_at, rssi_dbm, link_mode) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind) DO UPDATE SET seen_at = excluded.seen_at, status = excluded.status, frame = excluded.frame,
  received_at = excluded.received_at, rssi_dbm = excluded.rssi_dbm, link_mode = excluded.link_mode"""
_NOTE = "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_SELECT = "SELECT id, frame, received_at, rssi_dbm, link_mode FROM telegram"
_NO_ROWS = (0, -1)
_DELETE, _MAKE_ROOM = "delete acknowledged telegrams", "make room"
_MAKES_ROOM = (_DELETE, _MAKE_ROOM)

_Statement = tuple[str, Sequence[tuple[object, ...]]]


class Spool:
    """The spool file. Safe to use from several threads; held by one process at a time."""

    def __init__(
        self, path: Path, given: Room | None = None, *, clock: Callable[[], Clock] = spool_clock.now
    ) -> None:
        self.path = path
        self.room = given or Room()
        self._clock = clock
        self._mutex = threading.Lock()
        self._waiting: deque[HeardTelegram] = deque()
        self._unkept: dict[bytes, Waiting[HeardTelegram]] = {}
        self._unfiled: list[RejectedTelegram] = []
        self._taken: list[tuple[int, int]] = []
        self._uploading = _NO_ROWS
        self._stored = 0
        self._thinned_to = 0
        self._notes: dict[str, str] = {}
        self._clock_known: Clock | None = None
        self._file_number = 0
        self._disk_fails = False
        self.lost = 0
        """Telegrams that neither disk nor memory could hold."""
        self._lock_file = lock_spool(path)
        self._ballast = Ballast(path)
        try:
            self._connection = self._open_or_begin_anew()
            self._ballast.take_on()
        except BaseException:
            os.close(self._lock_file)
            raise

    @property
    def depth(self) -> int:
        """Number of telegrams that the hub has yet to acknowledge."""
        return self._stored + len(self._waiting)

    @property
    def dropped(self) -> int:
        """Telegrams that were given up for want of room since the file was begun."""
        return int(self._notes.get("dropped", "0"))

    def note(self, name: str) -> str | None:
        """Return a note that outlives the process."""
        return self._notes.get(name)

    def keep_note(self, name: str, value: str) -> bool:
        """Store a note; tell whether it is on the disk."""
        with self._mutex:
            return self._write_notes("keep a note", {name: value})

    def known(self) -> Known:
        """Return what thinning knew when the file was written last."""
        with self._mutex:
            rows = self._connection.execute(
                "SELECT kind, seen_at, status, frame, received_at, rssi_dbm, link_mode FROM kept"
            ).fetchall()
        return dict(known_of(row) for row in rows)

    def append(
        self, telegrams: Iterable[HeardTelegram], known: Known | None = None, forget: Sequence[bytes] = ()
    ) -> bool:
        """Store telegrams and what thinning knows, in one commit; tell whether all there was is on the disk."""
        with self._mutex:
            for telegram in telegrams:
                if len(self._waiting) < MEMORY_LIMIT:
                    self._waiting.append(telegram)
                else:
                    self.lost += 1
            self._unkept |= known or {}
            if not (self._waiting or self._unkept or forget):
                return True
            self._follow_clock()
            self._make_room()
            rows = [row_of(telegram) for telegram in self._waiting]
            if not self._write(
                "store telegrams",
                (_INSERT, rows),
                (_KEEP, [known_row(kind, value) for kind, value in self._unkept.items()]),
                ("DELETE FROM kept WHERE kind = ?", [(kind,) for kind in forget]),
            ):
                return False
            self._stored += len(rows)
            self._waiting.clear()
            self._unkept.clear()
            return True

    def oldest(self, limit: int) -> Batch | None:
        """Return up to `limit` telegrams, the oldest first, or None when there are none."""
        return self._batch("ORDER BY id", limit)

    def newest(self, limit: int) -> Batch | None:
        """Return the newest telegrams, up to `limit`, the oldest of them first, or None when there are none."""
        return self._batch("ORDER BY id DESC", limit)

    def _batch(self, order: str, limit: int) -> Batch | None:
        with self._mutex:
            self._follow_clock()
            untaken = " AND ".join(f"id NOT BETWEEN {first} AND {last}" for first, last in self._taken) or "true"
            try:
                query = f"{_SELECT} WHERE {untaken} {order} LIMIT ?"
                rows = self._connection.execute(query, (limit,)).fetchall()
            except sqlite3.DatabaseError as error:
                self._cope("read telegrams", error)
                return None
            rows.sort()
            self._uploading = (rows[0][0], rows[-1][0]) if rows else _NO_ROWS
            if not rows:
                return None
            return Batch(tuple(telegram_of(row[1:]) for row in rows), *self._uploading, self._file_number)

    def acknowledge(self, batch: Batch, rejected: Sequence[RejectedTelegram] = ()) -> None:
        """Let go of a batch that the hub has taken; keep aside what it rejected."""
        with self._mutex:
            self._uploading = _NO_ROWS
            if batch.file_number != self._file_number:
                return  # its file was set aside meanwhile
            self._taken.append((batch.first_id, batch.last_id))
            self._stored -= len(batch.telegrams)
            self._unfiled = [*self._unfiled, *rejected][-REJECTED_LIMIT:]
            unfiled = [(*row_of(item.telegram), item.code, item.message) for item in self._unfiled]
            if self._write(
                _DELETE,
                (_INSERT_REJECTED, unfiled),
                ("DELETE FROM rejected WHERE id <= (SELECT max(id) FROM rejected) - ?", [(REJECTED_LIMIT,)]),
                ("DELETE FROM telegram WHERE id BETWEEN ? AND ?", list(self._taken)),
            ):
                self._unfiled.clear()
                self._taken.clear()

    def rejected(self) -> list[RejectedTelegram]:
        """Return the telegrams that the hub rejected, the oldest first."""
        with self._mutex:
            rows = self._connection.execute(
                "SELECT frame, received_at, rssi_dbm, link_mode, code, message FROM rejected ORDER BY id"
            ).fetchall()
        return [RejectedTelegram(telegram_of(row[:4]), row[4], row[5]) for row in rows]

    def oldest_at(self) -> int | None:
        """Return when the oldest telegram was heard [us since 1970], None without one."""
        with self._mutex, contextlib.suppress(sqlite3.DatabaseError):
            row = self._connection.execute("SELECT received_at FROM telegram ORDER BY id LIMIT 1").fetchone()
            return int(row[0]) if row else None
        return None

    def used_bytes(self) -> int:
        """Return what the spool takes of its room."""
        with self._mutex, contextlib.suppress(sqlite3.DatabaseError):
            return room.used_bytes(self._connection)
        return 0

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._connection.close()
            os.close(self._lock_file)

    def _make_room(self) -> None:
        """Give up telegrams where the room is used up, some at a time; each time counted in one transaction."""
        try:
            for _ in range(room.PORTIONS):
                if not room.is_full(self._connection, self.path, self.room):
                    return
                rows, thinned_to = room.to_thin(self._connection, self._thinned_to, self._uploading)
                self._drop(rows)
                if thinned_to == self._thinned_to:
                    break
                self._thinned_to = thinned_to
            if room.is_full(self._connection, self.path, self.room):
                many = max(room.DROPPED, len(self._waiting))
                self._drop(room.oldest(self._connection, self._uploading, many))
        except sqlite3.DatabaseError as error:
            self._cope("look for room", error)

    def _drop(self, rows: Sequence[tuple[int]]) -> None:
        rows = [row for row in rows if not any(first <= row[0] <= last for first, last in self._taken)]
        if rows and self.dropped == 0:
            log.error("SPOOL IS FULL: telegrams are given up, the oldest are thinned; make room on the disk")
        notes = {"dropped": str(self.dropped + len(rows))}
        if rows and self._write_notes(_MAKE_ROOM, notes, ("DELETE FROM telegram WHERE id = ?", rows)):
            self._stored -= len(rows)

    def follow_clock(self) -> timedelta:
        """Move what was heard since the start of the machine by as much as the clock was set; return how far."""
        with self._mutex:
            return timedelta(microseconds=self._follow_clock())

    def _follow_clock(self) -> int:
        clock = self._clock()
        known = self._clock_known
        jump = 0 if known is None else jump_us(known, clock)
        if known is not None and known.boot == clock.boot and not jump:
            return 0
        same_start = known is not None and known.boot == clock.boot
        first_id = int(self._notes["first_id"]) if same_start else self._next_id()
        moved = self._write_notes(
            "follow the clock",
            {"boot": clock.boot, "wall_less_up_us": str(clock.wall_less_up_us), "first_id": str(first_id)},
            ("UPDATE telegram SET received_at = received_at + ? WHERE id >= ?", [(jump, first_id)]),
            ("UPDATE kept SET seen_at = seen_at + ?, received_at = received_at + ?", [(jump, jump)]),
        )
        if not moved:
            return 0
        self._clock_known = clock
        if jump:
            log.warning("the clock was set by %.0f s: telegrams since the machine's start are moved", jump / 1e6)
        return jump

    def _next_id(self) -> int:
        (last,) = self._connection.execute(
            "SELECT max(seq) FROM sqlite_sequence WHERE name = 'telegram'"
        ).fetchone()
        return int(last or 0) + 1

    def _write_notes(self, purpose: str, notes: dict[str, str], *statements: _Statement) -> bool:
        """Store notes with what belongs to them, in one transaction."""
        if not self._write(purpose, *statements, (_NOTE, list(notes.items()))):
            return False
        self._notes |= notes
        return True

    def _write(self, purpose: str, *statements: _Statement) -> bool:
        """Run statements, each for all its rows, in one transaction; tell whether it was committed."""
        try:
            try:
                self._run(statements)
            except sqlite3.OperationalError as error:
                # what is full is made emptier by deleting, and deleting takes room
                if not (purpose in _MAKES_ROOM and is_full(error) and self._ballast.throw_off()):
                    raise
                self._run(statements)
        except sqlite3.DatabaseError as error:
            self._cope(purpose, error, quietly=self._disk_fails)
            self._disk_fails = True
            return False
        if self._disk_fails:
            log.warning("spool %s takes telegrams again; lost meanwhile: %d", self.path, self.lost)
            self._disk_fails = False
            self._ballast.take_on()
        return True

    def _run(self, statements: Sequence[_Statement]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._connection.execute("ROLLBACK")  # may have happened by itself
            raise

    def _cope(self, purpose: str, error: sqlite3.DatabaseError, *, quietly: bool = False) -> None:
        """Begin a new file if this one is corrupt; else say that the disk fails, and leave it to time."""
        if is_corrupt(error):
            self._connection.close()
            set_aside(self.path, error)
            self._taken.clear()
            self._uploading, self._thinned_to = _NO_ROWS, 0
            self._file_number += 1
            self._connection = self._open_or_begin_anew()
        elif not quietly:
            log.error("spool %s: cannot %s: %s; kept in memory and tried again", self.path, purpose, error)

    def _open_or_begin_anew(self) -> sqlite3.Connection:
        try:
            connection = open_spool(self.path)
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise SpoolError(f"spool {self.path} cannot be opened: {error}") from error
            set_aside(self.path, error)
            connection = open_spool(self.path)
        (self._stored,) = connection.execute("SELECT count(*) FROM telegram").fetchone()
        self._notes = dict(connection.execute("SELECT name, value FROM note"))
        self._clock_known = (
            Clock(self._notes["boot"], int(self._notes["wall_less_up_us"])) if "boot" in self._notes else None
        )
        return connection
