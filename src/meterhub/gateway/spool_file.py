"""The spool's file: created, locked, recognised, and set aside when it is damaged."""

import fcntl
import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

APPLICATION_ID = 0x4D487370
SCHEMA_VERSION = 2

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# AUTOINCREMENT uses no row number twice, so an acknowledgement can name one row and mean all up to it.
# `received_at` is in microseconds since 1970, UTC.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE telegram (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  frame BLOB NOT NULL, received_at INTEGER NOT NULL, rssi_dbm INTEGER, link_mode TEXT
) STRICT;
CREATE TABLE rejected (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  frame BLOB NOT NULL, received_at INTEGER NOT NULL, rssi_dbm INTEGER, link_mode TEXT,
  code TEXT NOT NULL, message TEXT NOT NULL
) STRICT;
PRAGMA application_id = {APPLICATION_ID};
COMMIT;
"""
# `kept` is what thinning knows of each kind of telegram; without a frame nothing of it waits. `note` holds
# counters that outlive the process, and what the hub has ordered.
_SCHEMA_2 = f"""
BEGIN IMMEDIATE;
CREATE TABLE kept (
  kind BLOB PRIMARY KEY, seen_at INTEGER NOT NULL, status INTEGER,
  frame BLOB, received_at INTEGER, rssi_dbm INTEGER, link_mode TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


class SpoolError(Exception):
    """The spool cannot be used; the message says why and what to do."""


def open_spool(path: Path) -> sqlite3.Connection:
    """Open or create a spool file; raises `SpoolError` for a file that is somebody else's."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        version = _check_owner(path, connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if version < 1:
            connection.executescript(_SCHEMA)
        if version < SCHEMA_VERSION:
            connection.executescript(_SCHEMA_2)
        connection.execute("SELECT count(*) FROM telegram").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(path: Path, connection: sqlite3.Connection) -> int:
    """Return the version of the file, 0 for a new one; raises `SpoolError` for one not to be touched."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application_id != APPLICATION_ID:
        raise SpoolError(f"{path} is an SQLite file but no spool of meterhub; name another file")
    if version > SCHEMA_VERSION:
        raise SpoolError(f"spool {path} comes from a newer meterhub (schema {version}); update this one")
    return max(version, 1) if tables else 0


def lock_spool(path: Path) -> int:
    """Make this process the only one that uses the spool, until it ends in whatever way."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SpoolError(f"spool {path} is in use by another gateway; give each its own --spool") from error
    return descriptor


def set_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    """Rename a corrupt file and its journal, so that a person can try to recover what is in it."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = f"{path}.corrupt-{stamp}"
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = Path(f"{path}{suffix}")
        if companion.exists():
            companion.rename(f"{aside}{suffix}")
    log.error("spool %s is corrupt (%s): set aside as %s, a new one is begun", path, error, aside)


def is_full(error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error means that the disk has no room."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_FULL


def is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error means that the file itself is damaged, not just out of reach for now."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _CORRUPT
