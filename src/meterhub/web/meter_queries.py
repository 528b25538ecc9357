"""What the page of one meter asks; all by the meter's key."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow


def installations(connection: Connection, meter_id: int) -> Sequence[AnyRow]:
    """Return `(point_code, since, until)` of a meter, newest first; an open end is None."""
    statement = text(
        """
        SELECT p.point_code, nullif(lower(i.valid), '-infinity') AS since,
               nullif(upper(i.valid), 'infinity') AS until
        FROM installation i JOIN metering_point p ON p.id = i.metering_point_id
        WHERE i.meter_id = :meter ORDER BY lower(i.valid) DESC NULLS LAST
        """
    )
    return connection.execute(statement, {"meter": meter_id}).all()


def reads_by_day(
    connection: Connection, meter_id: int, since: datetime, until: datetime, zone: str
) -> Sequence[AnyRow]:
    """Return `(day, reads)` of a meter by local day."""
    statement = text(
        "SELECT date_trunc('day', at, :zone) AS day, count(*) AS reads FROM register_read "
        "WHERE meter_id = :meter AND at >= :since AND at < :until GROUP BY 1 ORDER BY 1"
    )
    values = {"meter": meter_id, "since": since, "until": until, "zone": zone}
    return connection.execute(statement, values).all()


def hours(connection: Connection, meter_id: int, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return `(hour, volume_ml, quality)` of a meter, wherever it hung."""
    statement = text(
        "SELECT hour, volume_ml, quality FROM hourly(:since, :until) WHERE meter_id = :meter ORDER BY hour"
    )
    return connection.execute(statement, {"meter": meter_id, "since": since, "until": until}).all()


def alarms(connection: Connection, meter_id: int, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return `(alarm, reads, first_at, last_at)` of what the meter itself reported, oldest first."""
    statement = text(
        "SELECT alarm, count(*) AS reads, min(at) AS first_at, max(at) AS last_at "
        "FROM register_read CROSS JOIN LATERAL unnest(alarms) AS alarm "
        "WHERE meter_id = :meter AND at >= :since AND at < :until AND alarms <> '{}' "
        "GROUP BY alarm ORDER BY first_at"
    )
    return connection.execute(statement, {"meter": meter_id, "since": since, "until": until}).all()


def newest_reads(connection: Connection, meter_id: int, limit: int) -> Sequence[AnyRow]:
    """Return the newest reads of a meter."""
    statement = text(
        "SELECT id, at, volume_ml, source, alarms FROM register_read WHERE meter_id = :meter "
        "ORDER BY at DESC LIMIT :limit"
    )
    return connection.execute(statement, {"meter": meter_id, "limit": limit}).all()


def hearing(connection: Connection, meter_id: int, since: datetime) -> Sequence[AnyRow]:
    """Return which gateways heard a meter since a day, how often and how well, best first."""
    statement = text(
        """
        SELECT g.name, sum(c.frames)::bigint AS frames, sum(c.expected)::bigint AS expected,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY c.rssi_median_dbm) AS rssi_dbm,
               min(c.first_at) AS first_at, max(c.last_at) AS last_at
        FROM coverage_day c JOIN gateway g ON g.id = c.gateway_id
        WHERE c.meter_id = :meter AND c.day >= CAST(:since AS date) GROUP BY g.id ORDER BY frames DESC
        """
    )
    return connection.execute(statement, {"meter": meter_id, "since": since}).all()
