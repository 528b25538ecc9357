"""Tables of register reads and hourly volumes, keyed by meter first and kept by month (meterhub.store)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    # the few reads at which a meter was put in or taken out
    Index(
        "ix_register_read_exchange",
        "meter_id",
        "at",
        postgresql_where=text("source IN ('installation', 'removal')"),
    ),
    postgresql_partition_by="RANGE (at)",
)

# What changed since the last roll-up: hours of this meter from `from_at` on have to be derived again. `vanishing`
# says that some may no longer follow from reads at all.
rollup_due = Table(
    "rollup_due",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("until_at", DateTime(timezone=True), nullable=False),
    Column("vanishing", Boolean, nullable=False, server_default=text("false")),
)

# What people decided about reads, append-only: one is set aside, perhaps for another row of register_read that
# corrects it; a row with `undoes` takes that back (and sets the correcting read aside). The view
# `read_set_aside` tells which reads do not count now, the view `counted_read` has all others.
read_edit = Table(
    "read_edit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("read_id", BigInteger, nullable=False),
    Column("read_at", DateTime(timezone=True), nullable=False),
    Column("replaced_by", BigInteger),
    Column("undoes", BigInteger, ForeignKey("read_edit.id"), unique=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("edited_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_read_edit_meter_id_read_id", "meter_id", "read_id"),
)

# Hours that people gave other volumes, append-only; the newest that is not undone lies over what follows from the
# reads (view `hour_edited`). `originals_ml` keeps what the hours were when they were edited, NULL for none.
hour_edit = Table(
    "hour_edit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("volumes_ml", ARRAY(BigInteger), nullable=False),
    Column("originals_ml", ARRAY(BigInteger), nullable=False),
    Column("original_qualities", ARRAY(SmallInteger), nullable=False),
    Column("undoes", BigInteger, ForeignKey("hour_edit.id"), unique=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("edited_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_hour_edit_meter_id", "meter_id", "id"),
)

# How a gap between two reads was probably used: the register at each full hour from `first_at` on. Derived, so it
# is dropped when the reads around it are no longer neighbours. Without a read after the gap it is a forecast.
gap_estimate = Table(
    "gap_estimate",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("before_at", DateTime(timezone=True), primary_key=True),
    Column("before_ml", BigInteger, nullable=False),
    Column("after_at", DateTime(timezone=True)),
    Column("after_ml", BigInteger),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("registers_ml", ARRAY(BigInteger), nullable=False),
    Column("method", Text, nullable=False),
)

# Whose hours have been derived anew and not been examined yet, and since when.
hours_changed = Table(
    "hours_changed",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("from_at", DateTime(timezone=True), nullable=False),
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
