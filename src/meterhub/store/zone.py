"""The zone whose days the store sums beforehand: that of the utility.

Days in any other zone are still answered, by summing hours. The zone is a constant in the database; when it
changes, days are cut anew from their hours. Days whose hours have left by retention stay as they were cut.
"""

from sqlalchemy import Connection, Engine, text

from meterhub.errors import NotConfigured
from meterhub.store.backend import uses_timescale

_REGROUP = text(
    """
    INSERT INTO hourly_day (start_at, volume_ml, meter_id, hours, quality, qualities, volumes_ml, wide_ml)
    SELECT d.start_at, sum(h.volume_ml), d.meter_id, count(h.hour), max(h.quality),
           CASE WHEN min(h.quality) < max(h.quality)
                THEN array_agg(coalesce(h.quality, 0::smallint) ORDER BY g) END,
           CASE WHEN max(abs(h.volume_ml)) < 2147483648 THEN array_agg(h.volume_ml ORDER BY g)::integer[] END,
           CASE WHEN max(abs(h.volume_ml)) >= 2147483648 THEN array_agg(h.volume_ml ORDER BY g) END
    FROM (SELECT meter_id, date_trunc('day', hour, store_zone()) AS start_at, max(hour) AS last
          FROM hours_of_days GROUP BY 1, 2) d
    CROSS JOIN LATERAL generate_series(d.start_at, d.last, interval '1 hour') AS g
    LEFT JOIN hours_of_days h ON h.meter_id = d.meter_id AND h.hour = g
    GROUP BY d.meter_id, d.start_at
    """
)
_DAILY_SUMS = """
CREATE MATERIALIZED VIEW daily_volume WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT meter_id, time_bucket(INTERVAL '1 day', hour, '{zone}') AS start_at, sum(volume_ml)::bigint AS volume_ml,
       max(quality) AS quality, count(*)::smallint AS hours
FROM hourly_volume GROUP BY 1, 2 WITH NO DATA
"""


def set_zone(engine: Engine, zone: str) -> bool:
    """Have the store sum the days of a zone; tell whether anything had to change."""
    with engine.begin() as connection:
        known = connection.execute(
            text("SELECT store_zone() = :zone, EXISTS (SELECT FROM pg_timezone_names WHERE name = :zone)"),
            {"zone": zone},
        ).one()
        if known[0]:
            return False
        if not known[1]:
            raise NotConfigured(f"the database knows no time zone {zone!r}: change METERHUB_ZONE")
        function = f"CREATE OR REPLACE FUNCTION store_zone() RETURNS text IMMUTABLE PARALLEL SAFE RETURN '{zone}'"
        if uses_timescale(connection):
            connection.exec_driver_sql("DROP MATERIALIZED VIEW daily_volume")
            connection.exec_driver_sql(function)
            connection.exec_driver_sql(_DAILY_SUMS.format(zone=zone))
        else:
            _regroup(connection, function)
    return True


def _regroup(connection: Connection, function: str) -> None:
    run = connection.exec_driver_sql
    run("LOCK TABLE hourly_day IN SHARE ROW EXCLUSIVE MODE")
    run("CREATE TEMPORARY TABLE hours_of_days ON COMMIT DROP AS SELECT * FROM hourly('-infinity', 'infinity')")
    run("ANALYZE hours_of_days")
    run("DELETE FROM hourly_day WHERE volumes_ml IS NOT NULL OR wide_ml IS NOT NULL")
    run(function)
    connection.execute(_REGROUP)
