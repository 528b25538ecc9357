"""Tables of alerts and of everything that happened to them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from meterhub.kit.db import metadata

alert = Table(
    "alert",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("metering_point_id", Integer, ForeignKey("metering_point.id"), nullable=False),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("onset_at", DateTime(timezone=True), nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("seen_until_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("rate_ml_h", BigInteger, nullable=False),
    Column("volume_ml", BigInteger, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("outcome", Text),
    CheckConstraint("outcome IN ('ended', 'resolved', 'false', 'expired')", name="outcome"),
    CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name="state"),
    CheckConstraint("severity IN ('low', 'medium', 'high')", name="severity"),
    Index(
        "uq_alert_one_open",
        "metering_point_id",
        "kind",
        unique=True,
        postgresql_where=text("state <> 'closed'"),
    ),
    Index("ix_alert_state", "state", "id"),
    Index("ix_alert_metering_point_id_id", "metering_point_id", "id"),
)

# Append-only: raised, evidence, acknowledged, closed; by a person or by the detector.
alert_event = Table(
    "alert_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("alert_id", Integer, ForeignKey("alert.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Index("ix_alert_event_alert_id", "alert_id", "id"),
)

# How far the detectors have examined a meter's reads; a later read of an earlier time rewinds.
alert_watch = Table(
    "alert_watch",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("examined_until_at", DateTime(timezone=True), nullable=False),
    Column("last_read_id", BigInteger, nullable=False),
)

# What is normal for a meter, a UTC day (meterhub.alerts.habits.DayHabit); older days are dropped.
flow_day = Table(
    "flow_day",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("highest_ml_h", ARRAY(Double), nullable=False),
    Column("unstill_s", Integer, nullable=False),
    Column("step_ml", BigInteger, nullable=False),
    Column("in_alert", Boolean, nullable=False),
)
