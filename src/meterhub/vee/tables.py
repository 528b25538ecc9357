"""Tables of what rules found, of what people said to it, and of how far each meter was checked."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from meterhub.kit.db import metadata

# A finding that people settled is never raised again; an open one closes by itself when its cause is gone.
finding = Table(
    "finding",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("metering_point_id", Integer, ForeignKey("metering_point.id")),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True), nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("found_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('open', 'accepted', 'dismissed', 'edited', 'closed')", name="state"),
    CheckConstraint("severity IN ('low', 'medium', 'high')", name="severity"),
    UniqueConstraint("meter_id", "rule", "started_at"),
    Index("ix_finding_rule_id", "rule", "id"),
    Index("ix_finding_open", "rule", "id", postgresql_where=text("state = 'open'")),
    Index("ix_finding_metering_point_id", "metering_point_id", "id"),
)

# Append-only: found, closed, found again; accepted, dismissed, edited, undone by a person with a reason.
finding_event = Table(
    "finding_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("finding_id", Integer, ForeignKey("finding.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("read_edit_id", BigInteger, ForeignKey("read_edit.id")),
    Column("hour_edit_id", BigInteger, ForeignKey("hour_edit.id")),
    Index("ix_finding_event_finding_id", "finding_id", "id"),
)

# What of a meter changed since the last night's check, and when that was.
vee_watch = Table(
    "vee_watch",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("pending_from", DateTime(timezone=True)),
    Column("nightly_at", DateTime(timezone=True)),
)
