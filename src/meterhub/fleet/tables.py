"""Tables of the fleet: codes, states, history, settings, reception, alarms."""

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
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from meterhub.kit.db import metadata

# One-time codes by which a gateway gets its first token; only a hash is kept.
enrolment_code = Table(
    "enrolment_code",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("gateway_id", Integer, ForeignKey("gateway.id"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)

# What a gateway said last about itself. Counters run since the start of its process, which `run` names.
gateway_state = Table(
    "gateway_state",
    metadata,
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("reported_at", DateTime(timezone=True), nullable=False),
    Column("run", Text, nullable=False),
    Column("clock_ahead_s", Double, nullable=False),
    Column("round_trip_s", Double),
    Column("heard", BigInteger, nullable=False),
    Column("noise", BigInteger, nullable=False),
    Column("frames_a_minute", Double),
    Column("spool_oldest_at", DateTime(timezone=True)),
    Column("spool_bytes", BigInteger, nullable=False),
    Column("spool_limit_bytes", BigInteger, nullable=False),
    Column("disk_free_bytes", BigInteger, nullable=False),
    Column("thinned", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("keeps", Text, nullable=False),
    Column("listed_only", Boolean, nullable=False),
    Column("trouble", Text, nullable=False, server_default=""),
    Column("dongles", JSONB, nullable=False),
    Column("channels", JSONB, nullable=False),
)

# What an operator wants of a gateway; without a row its own settings hold.
gateway_setting = Table(
    "gateway_setting",
    metadata,
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("keep", Text),
    Column("listed_only", Boolean),
    Column("rotate_token_after", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    CheckConstraint("keep IN ('all', 'quarter', 'hour')", name="keep"),
)

# A gateway's hour; kept for meterhub.fleet.coverage.HISTORY_KEPT.
gateway_hour = Table(
    "gateway_hour",
    metadata,
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("reports", Integer, nullable=False),
    Column("heard", BigInteger, nullable=False),
    Column("noise", BigInteger, nullable=False),
    Column("thinned", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("spool_depth_max", BigInteger, nullable=False),
    Column("disk_free_bytes_min", BigInteger, nullable=False),
    Column("clock_ahead_s_worst", Double, nullable=False),
)

# The same by what dongles listen to, for telling a jammed channel from a quiet one.
channel_hour = Table(
    "channel_hour",
    metadata,
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("link_mode", Text, primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("heard", BigInteger, nullable=False),
    Column("noise", BigInteger, nullable=False),
)

# How well a gateway hears a meter on a UTC day; a whole day is written at once by meterhub.fleet.coverage.
coverage_day = Table(
    "coverage_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("frames", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("rssi_median_dbm", SmallInteger),
    Column("rssi_worst_dbm", SmallInteger),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Index("ix_coverage_day_gateway_id_day", "gateway_id", "day"),
    Index("ix_coverage_day_meter_id_day", "meter_id", "day"),
)

# When each day of coverage was measured last, how long that took, and what it tells (schemas.Summary).
coverage_measured = Table(
    "coverage_measured",
    metadata,
    Column("day", Date, primary_key=True),
    Column("measured_at", DateTime(timezone=True), nullable=False),
    Column("seconds", Double, nullable=False),
    Column("summary", JSONB),
)

# How often a meter sends by what was heard of it, and when it was heard last.
meter_reception = Table(
    "meter_reception",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("interval_s", Double),
    Column("last_heard_at", DateTime(timezone=True), nullable=False),
)

fleet_alarm = Table(
    "fleet_alarm",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("gateway_id", Integer, ForeignKey("gateway.id")),
    Column("meter_id", Integer, ForeignKey("meter.id")),
    Column("part", Text, nullable=False, server_default=""),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("detail", Text, nullable=False),
    CheckConstraint("num_nonnulls(gateway_id, meter_id) = 1", name="subject"),
    CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name="state"),
    CheckConstraint("severity IN ('low', 'medium', 'high')", name="severity"),
    Index(
        "uq_fleet_alarm_gateway",
        "gateway_id",
        "kind",
        "part",
        unique=True,
        postgresql_where=text("state <> 'closed' AND gateway_id IS NOT NULL"),
    ),
    Index(
        "uq_fleet_alarm_meter",
        "meter_id",
        "kind",
        "part",
        unique=True,
        postgresql_where=text("state <> 'closed' AND meter_id IS NOT NULL"),
    ),
    Index("ix_fleet_alarm_state", "state", "id"),
)

# Append-only (a trigger refuses UPDATE and DELETE): raised, acknowledged, closed.
fleet_alarm_event = Table(
    "fleet_alarm_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("alarm_id", Integer, ForeignKey("fleet_alarm.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Index("ix_fleet_alarm_event_alarm_id", "alarm_id", "id"),
)
