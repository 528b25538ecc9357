"""Tables of people, machines and the audit log."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from meterhub.kit.db import metadata

app_user = Table(
    "app_user",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# `username` is a keyed hash of what was typed, or the name of a counter.
login_attempt = Table(
    "login_attempt",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("username", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_login_attempt_username_at", "username", "at"),
)

gateway = Table(
    "gateway",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("place", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_seen_at", DateTime(timezone=True)),
    Column("software", Text),
    Column("spool_depth", BigInteger),
    Column("clock_ahead_s", Double),
)

# People's sessions and machines' tokens alike: only a hash is kept, so a stolen database opens nothing.
access_token = Table(
    "access_token",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", Integer, ForeignKey("app_user.id")),
    Column("gateway_id", Integer, ForeignKey("gateway.id")),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Index("ix_access_token_gateway_id", "gateway_id"),
)

# Append-only (a trigger refuses UPDATE and DELETE); names of fields and keys of subjects, never values.
audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_audit_event_subject_at", "subject", "at"),
)
