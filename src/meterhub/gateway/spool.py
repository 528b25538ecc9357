"""Store and forward: heard telegrams stay in an SQLite file until the hub has acknowledged them.

What `append` has stored is on the disk (WAL, `synchronous=FULL`): neither kill -9 nor a power cut at any
moment loses it. It leaves the file only by `acknowledge`. An acknowledgement that could not be written is
kept in memory and made up for later; after a restart its telegrams are sent again, which the hub tolerates.

A full disk is not fatal: what cannot be stored waits in memory, up to a limit, and is stored before anything
newer. A corrupt file is set aside under another name, and a new one is begun.
"""

import contextlib
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meterhub.gateway.spool_file import SpoolError, is_corrupt, lock_spool, open_spool, set_aside

log = logging.getLogger(__name__)

MEMORY_LIMIT = 20_000
"""Telegrams that may wait in memory while the disk takes none."""
REJECTED_LIMIT = 10_000
"""Rejected telegrams that are kept for inspection; the oldest go first."""

_INSERT = "INSERT INTO telegram (frame, received_at, rssi_dbm, link_mode) VALUES (?, ?, ?, ?)"
_INSERT_REJECTED = """
INSERT INTO rejected (frame, received_at, rssi_dbm, link_mode, code, message) VALUES (?, ?, ?, ?, ?, ?)"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HeardTelegram:
    """A frame with the circumstances in which it was heard."""

    frame: bytes
    received_at: datetime
    rssi_dbm: int | None
    link_mode: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """The oldest telegrams of the spool, and the row up to which they reach."""

    telegrams: tuple[HeardTelegram, ...]
    last_id: int
    file_number: int
    """Which file of this process they are from: row numbers start again in a new file."""


@dataclass(frozen=True, slots=True)
class RejectedTelegram:
    """A telegram that the hub will not take, with its reason."""

    telegram: HeardTelegram
    code: str
    message: str


class Spool:
    """The spool file. Safe to use from several threads; held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._waiting: deque[HeardTelegram] = deque()
        self._unfiled: list[RejectedTelegram] = []
        self._acknowledged = 0
        self._stored = 0
        self._file_number = 0
        self._disk_fails = False
        self.lost = 0
        """Telegrams that neither disk nor memory could hold."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = lock_spool(path)
        try:
            self._connection = self._open_or_begin_anew()
        except BaseException:
            os.close(self._lock_file)
            raise

    @property
    def depth(self) -> int:
        """Number of telegrams that the hub has yet to acknowledge."""
        return self._stored + len(self._waiting)

    def append(self, telegrams: Iterable[HeardTelegram]) -> bool:
        """Store telegrams, in one commit; tell whether all that were ever appended are now on the disk."""
        with self._mutex:
            for telegram in telegrams:
                if len(self._waiting) < MEMORY_LIMIT:
                    self._waiting.append(telegram)
                else:
                    self.lost += 1
            if not self._waiting:
                return True
            rows = [_row(telegram) for telegram in self._waiting]
            if not self._write(
                "store telegrams",
                (_INSERT, rows),
            ):
                return False
            self._stored += len(rows)
            self._waiting.clear()
            return True

    def oldest(self, limit: int) -> Batch | None:
        """Return up to `limit` telegrams, the oldest first, or None when there are none."""
        with self._mutex:
            file_number = self._file_number
            try:
                rows = self._connection.execute(
                    "SELECT id, frame, received_at, rssi_dbm, link_mode FROM telegram"
                    " WHERE id > ? ORDER BY id LIMIT ?",
                    (self._acknowledged, limit),
                ).fetchall()
            except sqlite3.DatabaseError as error:
                self._cope("read telegrams", error)
                return None
        if not rows:
            return None
        return Batch(tuple(_telegram(row[1:]) for row in rows), rows[-1][0], file_number)

    def acknowledge(self, batch: Batch, rejected: Sequence[RejectedTelegram] = ()) -> None:
        """Let go of a batch that the hub has taken; keep aside what it rejected."""
        with self._mutex:
            if batch.file_number != self._file_number:
                return  # its file was set aside meanwhile
            self._acknowledged = batch.last_id
            self._stored -= len(batch.telegrams)
            self._unfiled = [*self._unfiled, *rejected][-REJECTED_LIMIT:]
            unfiled = [(*_row(item.telegram), item.code, item.message) for item in self._unfiled]
            if self._write(
                "delete acknowledged telegrams",
                (_INSERT_REJECTED, unfiled),
                ("DELETE FROM rejected WHERE id <= (SELECT max(id) FROM rejected) - ?", [(REJECTED_LIMIT,)]),
                ("DELETE FROM telegram WHERE id <= ?", [(self._acknowledged,)]),
            ):
                self._unfiled.clear()

    def rejected(self) -> list[RejectedTelegram]:
        """Return the telegrams that the hub rejected, the oldest first."""
        with self._mutex:
            rows = self._connection.execute(
                "SELECT frame, received_at, rssi_dbm, link_mode, code, message FROM rejected ORDER BY id"
            ).fetchall()
        return [RejectedTelegram(_telegram(row[:4]), row[4], row[5]) for row in rows]

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._connection.close()
            os.close(self._lock_file)

    def _write(self, purpose: str, *statements: tuple[str, Sequence[tuple[object, ...]]]) -> bool:
        """Run statements, each for all its rows, in one transaction; tell whether it was committed."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._connection.execute("ROLLBACK")  # may have happened by itself
            self._cope(purpose, error, quietly=self._disk_fails)
            self._disk_fails = True
            return False
        if self._disk_fails:
            log.warning("spool %s takes telegrams again; lost meanwhile: %d", self._path, self.lost)
            self._disk_fails = False
        return True

    def _cope(self, purpose: str, error: sqlite3.DatabaseError, *, quietly: bool = False) -> None:
        """Begin a new file if this one is corrupt; else say that the disk fails, and leave it to time."""
        if is_corrupt(error):
            self._connection.close()
            set_aside(self._path, error)
            self._acknowledged = 0
            self._file_number += 1
            self._connection = self._open_or_begin_anew()
        elif not quietly:
            log.error("spool %s: cannot %s: %s; kept in memory and tried again", self._path, purpose, error)

    def _open_or_begin_anew(self) -> sqlite3.Connection:
        try:
            connection = open_spool(self._path)
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise SpoolError(f"spool {self._path} cannot be opened: {error}") from error
            set_aside(self._path, error)
            connection = open_spool(self._path)
        (self._stored,) = connection.execute("SELECT count(*) FROM telegram").fetchone()
        return connection


def _row(telegram: HeardTelegram) -> tuple[bytes, int, int | None, str | None]:
    received_at = (telegram.received_at - _EPOCH) // timedelta(microseconds=1)
    return telegram.frame, received_at, telegram.rssi_dbm, telegram.link_mode


def _telegram(row: Sequence[object]) -> HeardTelegram:
    frame, received_at, rssi_dbm, link_mode = row
    assert isinstance(frame, bytes)
    assert isinstance(received_at, int)
    assert rssi_dbm is None or isinstance(rssi_dbm, int)
    assert link_mode is None or isinstance(link_mode, str)
    return HeardTelegram(frame, _EPOCH + timedelta(microseconds=received_at), rssi_dbm, link_mode)
