"""Tables of register reads and hourly volumes, keyed by meter first."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from meterhub.kit.db import metadata

# Never edited: a correction is a new row. `at` is the collector's time of reception [UTC].
register_read = Table(
    "register_read",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("volume_ml", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("alarms", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("meter_at", DateTime(timezone=False)),
    Column("raw_frame_id", BigInteger),
    CheckConstraint("source IN ('amr', 'installation', 'removal', 'utility', 'customer')", name="source"),
    Index("ix_register_read_meter_id_at", "meter_id", "at"),
)

# What changed since the last roll-up: hours of this meter from `from_at` on have to be derived again.
rollup_due = Table(
    "rollup_due",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("until_at", DateTime(timezone=True), nullable=False),
)

# Volume of [hour, hour + 1 h) in millilitres; quality as in meterhub.readings.hourly.Quality.
hourly_volume = Table(
    "hourly_volume",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("volume_ml", BigInteger, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("derived_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_hourly_volume_hour", "hour", postgresql_using="brin"),
)
