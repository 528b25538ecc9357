"""Where hours are missing or estimated: islands of such hours in the time in which a meter hung at a point."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow
from meterhub.readings.hourly import Quality
from meterhub.readings.repository import BELONGS

# Of a town, only meters are looked at by the hour that have a day which is not whole or well known; runs of a day
# and more cannot hide in the parts of days at both ends. A run of hours has one number: the hour minus its place
# among its like.
_GAPS = text(
    f"""
    WITH days AS (
        SELECT date_trunc('day', :since + interval '1 day' - interval '1 microsecond', store_zone()) AS first,
               date_trunc('day', CAST(:until AS timestamptz), store_zone()) AS last
    ),
    sums AS (
        SELECT d.meter_id, sum(d.hours) AS hours, max(d.quality) AS quality
        FROM days, LATERAL daily(store_zone(), days.first, days.last) d
        WHERE CAST(:point AS integer) IS NULL
        GROUP BY d.meter_id
    ),
    place AS (
        SELECT i.id, i.meter_id, i.metering_point_id, i.valid,
               date_trunc('hour', greatest(lower(i.valid), CAST(:since AS timestamptz))) AS first,
               least(upper(i.valid), CAST(:until AS timestamptz)) AS last
        FROM installation i CROSS JOIN days LEFT JOIN sums s ON s.meter_id = i.meter_id
        WHERE i.valid && tstzrange(:since, :until)
            AND CASE WHEN CAST(:point AS integer) IS NOT NULL THEN i.metering_point_id = :point
                     ELSE coalesce(s.hours, 0) < date_part('epoch', days.last - days.first) / 3600
                         OR s.quality >= {Quality.ESTIMATED} END
    ),
    known AS (
        SELECT i.metering_point_id, h.hour, max(h.quality) AS quality
        FROM place i
        CROSS JOIN LATERAL (SELECT * FROM hourly(i.first, i.last) v WHERE v.meter_id = i.meter_id OFFSET 0) h
        WHERE {BELONGS}
        GROUP BY 1, 2
    ),
    hour AS (
        SELECT DISTINCT i.metering_point_id, g AS hour, k.quality
        FROM place i
        CROSS JOIN LATERAL generate_series(i.first, i.last - interval '1 hour', interval '1 hour') AS g
        LEFT JOIN known k ON k.metering_point_id = i.metering_point_id AND k.hour = g
    ),
    run AS (
        SELECT metering_point_id, hour, quality IS NULL AS missing,
               hour - interval '1 hour' * row_number() OVER (
                   PARTITION BY metering_point_id, quality IS NULL ORDER BY hour
               ) AS number
        FROM hour WHERE quality IS NULL OR quality = {Quality.ESTIMATED}
    )
    SELECT p.point_code, min(hour) AS start, max(hour) + interval '1 hour' AS end,
           CASE WHEN missing THEN 'missing' ELSE 'estimated' END AS kind, count(*)::int AS hours
    FROM run JOIN metering_point p ON p.id = run.metering_point_id
    GROUP BY p.point_code, missing, number
    HAVING count(*) >= :least_hours
    ORDER BY hours DESC, p.point_code, start LIMIT :limit
    """  # noqa: S608 - composed of our own constants
)


def gaps(
    connection: Connection, point_id: int | None, since: datetime, until: datetime, *, least_hours: int, limit: int
) -> Sequence[AnyRow]:
    """Return `(point_code, start, end, kind, hours)` of runs of missing or estimated hours, the longest first."""
    values = {"point": point_id, "since": since, "until": until, "least_hours": least_hours, "limit": limit}
    return connection.execute(_GAPS, values).all()
