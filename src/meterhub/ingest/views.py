"""What operations look at: gateways, read success, quarantine."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from meterhub.ingest.decoding import NEXT_STEP, Reason
from meterhub.ingest.schemas import GatewayStatus, QuarantineCount, QuarantinedFrame, ReadSuccess
from meterhub.kit.db import AnyRow

SILENT_SHOWN = 100


def gateways(connection: Connection, since: date) -> list[GatewayStatus]:
    """Return all gateways with what they delivered since a day (UTC)."""
    statement = text(
        """
        SELECT g.name, g.place, g.last_seen_at, g.software, g.spool_depth,
            coalesce(sum(d.received), 0) AS received, coalesce(sum(d.accepted), 0) AS accepted,
            coalesce(sum(d.duplicates), 0) AS duplicates, coalesce(sum(d.quarantined), 0) AS quarantined,
            coalesce(sum(d.rejected), 0) AS rejected
        FROM gateway g LEFT JOIN gateway_day d ON d.gateway_id = g.id AND d.day >= :since
        GROUP BY g.id ORDER BY g.name
        """
    )
    return [GatewayStatus(**dict(row._mapping)) for row in connection.execute(statement, {"since": since})]


def read_success(connection: Connection, since: datetime, until: datetime) -> ReadSuccess:
    """Return how many installed meters were read in a span, and which points were silent."""
    statement = text(
        """
        SELECT p.point_code, EXISTS (
            SELECT 1 FROM register_read r
            WHERE r.meter_id = i.meter_id AND r.at >= :since AND r.at < :until
        ) AS was_read
        FROM installation i JOIN metering_point p ON p.id = i.metering_point_id
        WHERE i.valid @> CAST(:until AS timestamptz)
        ORDER BY p.point_code
        """
    )
    rows = connection.execute(statement, {"since": since, "until": until}).all()
    silent = [row.point_code for row in rows if not row.was_read]
    return ReadSuccess(
        since=since,
        until=until,
        installed=len(rows),
        read=len(rows) - len(silent),
        silent=silent[:SILENT_SHOWN],
    )


def quarantine_counts(connection: Connection) -> list[QuarantineCount]:
    """Return how many frames wait for what, and what to do about it."""
    statement = text(
        "SELECT reason, count(*) AS frames FROM quarantine WHERE resolved_at IS NULL GROUP BY 1 ORDER BY 2 DESC"
    )
    return [
        QuarantineCount(reason=row.reason, frames=row.frames, next_step=NEXT_STEP[Reason(row.reason)])
        for row in connection.execute(statement)
    ]


def quarantined(
    connection: Connection, *, reason: str | None, before_id: int | None, limit: int
) -> list[QuarantinedFrame]:
    """Return held frames, newest first."""
    statement = text(
        """
        SELECT f.id, q.reason, q.detail, q.manufacturer, q.serial, g.name AS gateway, f.received_at,
               f.rssi_dbm, encode(f.frame, 'hex') AS frame, q.tries, q.tried_at
        FROM quarantine q JOIN raw_frame f ON f.id = q.raw_frame_id JOIN gateway g ON g.id = f.gateway_id
        WHERE q.resolved_at IS NULL AND (CAST(:reason AS text) IS NULL OR q.reason = :reason)
            AND (CAST(:before AS bigint) IS NULL OR q.raw_frame_id < :before)
        ORDER BY q.raw_frame_id DESC LIMIT :limit
        """
    )
    rows: Sequence[AnyRow] = connection.execute(
        statement, {"reason": reason, "before": before_id, "limit": limit}
    ).all()
    return [QuarantinedFrame(**dict(row._mapping)) for row in rows]
