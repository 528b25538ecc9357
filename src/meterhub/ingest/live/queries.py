"""New reads by their number, and up to which number nothing can be missing any more.

A transaction takes numbers before it commits, so a lower number can show up after a higher one. `Tail` knows
the highest number below which all transactions have ended; the database tells by its snapshots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow

# Reads that were taken longer ago come in by replay or from a person: they are no news.
NEWS = timedelta(days=40)
READS_A_POLL = 5_000
SEEN_KEPT = 200_000

_NEW = text(
    """
    SELECT r.id, r.at, r.volume_ml, r.source, r.alarms, m.manufacturer, m.serial, p.point_code, g.name AS gateway,
           f.rssi_dbm
    FROM register_read r
    JOIN meter m ON m.id = r.meter_id
    LEFT JOIN installation i ON i.meter_id = r.meter_id AND i.valid @> r.at
    LEFT JOIN metering_point p ON p.id = i.metering_point_id
    LEFT JOIN raw_frame f ON f.id = r.raw_frame_id AND f.received_at = r.at
    LEFT JOIN gateway g ON g.id = f.gateway_id
    WHERE r.id > :after AND r.at > :since
    ORDER BY r.id LIMIT :limit
    """
)
_SNAPSHOT = text(
    "SELECT pg_snapshot_xmin(s)::text::bigint AS oldest, pg_snapshot_xmax(s)::text::bigint AS next "
    "FROM pg_current_snapshot() AS s"
)
_NEWEST = text("SELECT coalesce(max(id), 0) FROM register_read WHERE at > :since")


@dataclass(slots=True)
class Tail:
    """Where the end of the reads is: `complete` is the number up to which all are known."""

    complete: int
    _newest: int = 0
    _seen: set[int] = field(default_factory=set)
    _waiting: list[tuple[int, int]] = field(default_factory=list)

    def poll(self, connection: Connection, now: datetime) -> Sequence[AnyRow]:
        """Return reads that are new since the last time, in order of number; at most `READS_A_POLL`.

        The connection must be in a transaction of its own, REPEATABLE READ: one snapshot for both questions.
        """
        oldest, following = connection.execute(_SNAPSHOT).one()
        values = {"after": self.complete, "since": now - NEWS, "limit": READS_A_POLL + len(self._seen)}
        rows = [row for row in connection.execute(_NEW, values) if row.id not in self._seen]
        self._seen.update(row.id for row in rows)
        self._newest = max(self._newest, self.complete, *(row.id for row in rows[-1:]))
        self._waiting.append((following, self._newest))
        while self._waiting and self._waiting[0][0] <= oldest:
            self.complete = self._waiting.pop(0)[1]
        if len(self._seen) > SEEN_KEPT:  # a transaction of many minutes: its reads are no news either
            self.complete = self._newest
        self._seen = {number for number in self._seen if number > self.complete}
        return rows


def end_of_reads(connection: Connection, now: datetime) -> Tail:
    """Return the tail at the present end; what is committed already is no news, what is under way is."""
    newest = int(connection.execute(_NEWEST, {"since": now - NEWS}).scalar_one())
    tail = Tail(max(0, newest - READS_A_POLL))
    tail.poll(connection, now)
    return tail


def newest_reads(connection: Connection, now: datetime) -> Sequence[AnyRow]:
    """Return the newest reads, newest first."""
    newest = int(connection.execute(_NEWEST, {"since": now - NEWS}).scalar_one())
    return reads_after(connection, max(0, newest - READS_A_POLL), now)[::-1]


def reads_after(connection: Connection, number: int, now: datetime) -> Sequence[AnyRow]:
    """Return the reads after a number, at most one more than `READS_A_POLL`."""
    values = {"after": number, "since": now - NEWS, "limit": READS_A_POLL + 1}
    return connection.execute(_NEW, values).all()
