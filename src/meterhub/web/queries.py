"""What pages ask beyond the modules' own lists; all by index, none grows with the years."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow


@dataclass(frozen=True, slots=True)
class Heard:
    """How many of the installed meters were read in the day before `at`."""

    installed: int
    read: int
    at: datetime

    @property
    def percent(self) -> float:
        """Return the share in per cent; 0 without meters."""
        return 100 * self.read / self.installed if self.installed else 0.0


def delivered(connection: Connection, day: date) -> AnyRow:
    """Return what all gateways delivered on a day (UTC)."""
    statement = text(
        "SELECT coalesce(sum(received), 0)::bigint AS received, coalesce(sum(accepted), 0)::bigint AS accepted, "
        "coalesce(sum(duplicates), 0)::bigint AS duplicates, "
        "coalesce(sum(quarantined), 0)::bigint AS quarantined, coalesce(sum(rejected), 0)::bigint AS rejected "
        "FROM gateway_day WHERE day = :day"
    )
    return connection.execute(statement, {"day": day}).one()


def heard(connection: Connection, at: datetime) -> Heard:
    """Return how many installed meters were read by radio in the last 24 hours; one probe of an index a meter."""
    statement = text(
        """
        SELECT count(*) AS installed, count(*) FILTER (WHERE EXISTS (
            SELECT 1 FROM register_read r WHERE r.meter_id = i.meter_id AND r.at >= :since AND r.at <= :until
                AND r.source = 'amr'
        )) AS read
        FROM installation i WHERE i.valid @> CAST(:until AS timestamptz)
        """
    )
    row = connection.execute(statement, {"since": at - timedelta(days=1), "until": at}).one()
    return Heard(row.installed, row.read, at)


def last_read(connection: Connection, point_id: int) -> AnyRow | None:
    """Return the newest register read of a point, and its meter."""
    statement = text(
        """
        SELECT r.at, r.volume_ml, r.source, r.alarms, m.manufacturer, m.serial, m.model
        FROM installation i JOIN meter m ON m.id = i.meter_id
        JOIN LATERAL (
            SELECT at, volume_ml, source, alarms FROM counted_read
            WHERE meter_id = i.meter_id AND i.valid @> at ORDER BY at DESC LIMIT 1
        ) r ON true
        WHERE i.metering_point_id = :point_id ORDER BY r.at DESC LIMIT 1
        """
    )
    return connection.execute(statement, {"point_id": point_id}).first()


def alarms(connection: Connection, point_id: int, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return `(alarm, reads, first_at, last_at)` of what the meter itself reported, newest first."""
    statement = text(
        """
        SELECT alarm, count(*) AS reads, min(r.at) AS first_at, max(r.at) AS last_at
        FROM installation i JOIN register_read r ON r.meter_id = i.meter_id AND i.valid @> r.at
        CROSS JOIN LATERAL unnest(r.alarms) AS alarm
        WHERE i.metering_point_id = :point_id AND r.at >= :since AND r.at < :until AND r.alarms <> '{}'
        GROUP BY alarm ORDER BY last_at DESC
        """
    )
    return connection.execute(statement, {"point_id": point_id, "since": since, "until": until}).all()


def contracts(connection: Connection, point_id: int, day: date) -> Sequence[AnyRow]:
    """Return the contracts of a point that hold on a day, with their customers."""
    statement = text(
        """
        SELECT c.contract_no, c.billing_group, u.customer_no, u.name
        FROM contract c JOIN customer u ON u.id = c.customer_id
        WHERE c.metering_point_id = :point_id AND c.valid @> CAST(:day AS date) ORDER BY c.contract_no
        """
    )
    return connection.execute(statement, {"point_id": point_id, "day": day}).all()
