"""Tables of register reads and hourly volumes, keyed by meter first and kept by month (meterhub.store)."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from meterhub.kit.db import metadata

# Never edited: a correction is a new row. `at` is the collector's time of reception [UTC]. Kept by month.
register_read = Table(
    "register_read",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("volume_ml", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("alarms", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("meter_at", DateTime(timezone=False)),
    Column("raw_frame_id", BigInteger),
    CheckConstraint("source IN ('amr', 'installation', 'removal', 'utility', 'customer')", name="source"),
    # ids grow with time: a block range index finds one among millions, at hardly any cost a row
    Index("ix_register_read_id", "id", postgresql_using="brin"),
    postgresql_partition_by="RANGE (at)",
)

# What changed since the last roll-up: hours of this meter from `from_at` on have to be derived again.
rollup_due = Table(
    "rollup_due",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("until_at", DateTime(timezone=True), nullable=False),
)

# The hours of a meter on one local day of the store's zone: the first at `start_at`, NULL where one is missing.
# `volumes_ml`, or `wide_ml` where a volume needs more than 32 bits; `qualities` unless all hours have `quality`,
# which is the worst. Sums stay when the hours themselves have left by retention. Quality as in
# meterhub.readings.hourly.Quality. On TimescaleDB a hypertable `hourly_volume` (meter_id, hour, volume_ml,
# quality) takes its place: queries ask the functions `hourly` and `daily`, or the view `hourly_volume`.
hourly_day = Table(
    "hourly_day",
    metadata,
    Column("start_at", DateTime(timezone=True), primary_key=True),
    Column("volume_ml", BigInteger, nullable=False),
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("hours", SmallInteger, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("qualities", ARRAY(SmallInteger)),
    Column("volumes_ml", ARRAY(Integer)),
    Column("wide_ml", ARRAY(BigInteger)),
    Index("ix_hourly_day_start_at", "start_at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (start_at)",
)
