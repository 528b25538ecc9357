"""Hours by meter and day: packed in one row on plain PostgreSQL, a compressed hypertable on TimescaleDB.

Revision: 0007, after 0006. Queries ask `hourly(since, until)`, `daily(zone, since, until)` or the view (or
hypertable) `hourly_volume`; they are the same on both.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MONTHS_AHEAD = 2
# A batch of the columnstore holds at most so many rows: with one full batch a meter and chunk least is lost.
CHUNK_HOURS = 1000

# Which zone's days the store sums beforehand. A function, because the planner can fold a constant; changed by
# meterhub.store.zone together with the rows.
STORE_ZONE = "CREATE FUNCTION store_zone() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 'UTC'"

# A local day has at most 25 hours, so its row begins less than 25 hours before any of them.
HOURLY_PACKED = """
CREATE FUNCTION hourly(since timestamptz, until timestamptz)
RETURNS TABLE (meter_id integer, hour timestamptz, volume_ml bigint, quality smallint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 AS $$
    SELECT d.meter_id, d.start_at + (h.number - 1) * interval '1 hour', h.volume_ml,
           coalesce(h.quality, d.quality)
    FROM hourly_day d
    CROSS JOIN LATERAL unnest(coalesce(d.wide_ml, d.volumes_ml::bigint[]), d.qualities) WITH ORDINALITY
        AS h (volume_ml, quality, number)
    WHERE d.start_at > since - interval '25 hours' AND d.start_at < until
        AND d.start_at + (h.number - 1) * interval '1 hour' >= since
        AND d.start_at + (h.number - 1) * interval '1 hour' < until
        AND h.volume_ml IS NOT NULL
$$
"""
DAILY_PACKED = """
CREATE FUNCTION daily(zone text, since timestamptz, until timestamptz)
RETURNS TABLE (meter_id integer, start_at timestamptz, volume_ml bigint, quality smallint, hours smallint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 AS $$
    SELECT d.meter_id, d.start_at, d.volume_ml, d.quality, d.hours FROM hourly_day d
    WHERE zone = store_zone() AND d.start_at >= since AND d.start_at < until
    UNION ALL
    SELECT h.meter_id, date_trunc('day', h.hour, zone), sum(h.volume_ml)::bigint, max(h.quality),
           count(*)::smallint
    FROM hourly(since, until) h WHERE zone <> store_zone() GROUP BY 1, 2
$$
"""
HOURLY_NARROW = """
CREATE FUNCTION hourly(since timestamptz, until timestamptz)
RETURNS TABLE (meter_id integer, hour timestamptz, volume_ml bigint, quality smallint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 AS $$
    SELECT h.meter_id, h.hour, h.volume_ml, h.quality FROM hourly_volume h
    WHERE h.hour >= since AND h.hour < until
$$
"""
DAILY_NARROW = """
CREATE FUNCTION daily(zone text, since timestamptz, until timestamptz)
RETURNS TABLE (meter_id integer, start_at timestamptz, volume_ml bigint, quality smallint, hours smallint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 AS $$
    SELECT d.meter_id, d.start_at, d.volume_ml, d.quality, d.hours FROM daily_volume d
    WHERE zone = store_zone() AND d.start_at >= since AND d.start_at < until
    UNION ALL
    SELECT h.meter_id, date_trunc('day', h.hour, zone), sum(h.volume_ml)::bigint, max(h.quality),
           count(*)::smallint
    FROM hourly_volume h
    WHERE zone <> store_zone() AND h.hour >= since AND h.hour < until GROUP BY 1, 2
$$
"""
DAILY_SUMS = """
CREATE MATERIALIZED VIEW daily_volume WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT meter_id, time_bucket(INTERVAL '1 day', hour, 'UTC') AS start_at, sum(volume_ml)::bigint AS volume_ml,
       max(quality) AS quality, count(*)::smallint AS hours
FROM hourly_volume GROUP BY 1, 2 WITH NO DATA
"""


def month_start(month: int) -> datetime:
    """Return the first instant of a month counted from year 0 (UTC)."""
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def hypertables() -> bool:
    """Tell how revision 0006 decided."""
    return op.get_bind().scalar(sa.text("SELECT relkind = 'r' FROM pg_class WHERE oid = 'raw_frame'::regclass"))


def narrow_table(*, derived_at: bool) -> None:
    """Make the table with one row an hour."""
    op.create_table(
        "hourly_volume",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        *(
            [sa.Column("derived_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)]
            if derived_at
            else []
        ),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_hourly_volume_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", "hour", name=op.f("pk_hourly_volume")),
    )


def packed_table() -> None:
    """Make the table with one row a meter and day, kept by month."""
    op.create_table(
        "hourly_day",
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("hours", sa.SmallInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        sa.Column("qualities", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("volumes_ml", postgresql.ARRAY(sa.Integer()), nullable=True),
        sa.Column("wide_ml", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_hourly_day_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", "start_at", name=op.f("pk_hourly_day")),
        postgresql_partition_by="RANGE (start_at)",
    )
    op.create_index("ix_hourly_day_start_at", "hourly_day", ["start_at"], postgresql_using="brin")
    op.execute("CREATE TABLE store.hourly_day_default PARTITION OF hourly_day DEFAULT WITH (fillfactor = 80)")
    now = datetime.now(UTC)
    this_month = now.year * 12 + now.month - 1
    for month in range(this_month, this_month + MONTHS_AHEAD + 1):
        start, end = month_start(month), month_start(month + 1)
        op.execute(
            f"CREATE TABLE store.hourly_day_{start:%Y_%m} PARTITION OF hourly_day "
            f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}') WITH (fillfactor = 80)"
        )


def upgrade() -> None:
    op.execute("CREATE SCHEMA aside")
    op.execute("ALTER TABLE hourly_volume SET SCHEMA aside")
    op.execute(STORE_ZONE)
    if hypertables():
        narrow_table(derived_at=False)
        op.execute(
            f"SELECT create_hypertable('hourly_volume', by_range('hour', INTERVAL '{CHUNK_HOURS} hours'), "
            "create_default_indexes => false)"
        )
        op.execute("INSERT INTO hourly_volume SELECT meter_id, hour, volume_ml, quality FROM aside.hourly_volume")
        op.execute(DAILY_SUMS)
        op.execute(HOURLY_NARROW)
        op.execute(DAILY_NARROW)
    else:
        packed_table()
        op.execute(
            """
            INSERT INTO hourly_day
                (start_at, volume_ml, meter_id, hours, quality, qualities, volumes_ml, wide_ml)
            SELECT d.start_at, sum(h.volume_ml), d.meter_id, count(h.hour), max(h.quality),
                   CASE WHEN min(h.quality) < max(h.quality)
                        THEN array_agg(coalesce(h.quality, 0::smallint) ORDER BY g) END,
                   CASE WHEN max(abs(h.volume_ml)) < 2147483648
                        THEN array_agg(h.volume_ml ORDER BY g)::integer[] END,
                   CASE WHEN max(abs(h.volume_ml)) >= 2147483648 THEN array_agg(h.volume_ml ORDER BY g) END
            FROM (SELECT meter_id, date_trunc('day', hour, 'UTC') AS start_at, max(hour) AS last
                  FROM aside.hourly_volume GROUP BY 1, 2) d
            CROSS JOIN LATERAL generate_series(d.start_at, d.last, interval '1 hour') AS g
            LEFT JOIN aside.hourly_volume h ON h.meter_id = d.meter_id AND h.hour = g
            GROUP BY d.meter_id, d.start_at
            """
        )
        op.execute(HOURLY_PACKED)
        op.execute(DAILY_PACKED)
        op.execute("CREATE VIEW hourly_volume AS SELECT * FROM hourly('-infinity', 'infinity')")
    op.execute("DROP SCHEMA aside CASCADE")


def downgrade() -> None:
    op.execute("CREATE SCHEMA aside")
    op.execute("CREATE TABLE aside.kept AS SELECT meter_id, hour, volume_ml, quality FROM hourly_volume")
    op.execute("DROP FUNCTION daily")
    if hypertables():
        op.execute("DROP FUNCTION hourly")
        op.execute("DROP MATERIALIZED VIEW daily_volume")
        op.drop_table("hourly_volume")
    else:
        op.execute("DROP VIEW hourly_volume")
        op.execute("DROP FUNCTION hourly")
        op.drop_table("hourly_day")
    op.execute("DROP FUNCTION store_zone")
    narrow_table(derived_at=True)
    op.create_index("ix_hourly_volume_hour", "hourly_volume", ["hour"], postgresql_using="brin")
    op.execute("INSERT INTO hourly_volume SELECT meter_id, hour, volume_ml, quality FROM aside.kept")
    op.execute("DROP SCHEMA aside CASCADE")
