"""Tables of self-reading: campaigns, whom they ask, and every report as it came in."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from meterhub.kit.db import metadata

# Codes are derived from the campaign's secret, so that a reminder can name the same code; a code allows nothing
# but to report a register.
self_reading_campaign = Table(
    "self_reading_campaign",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("asked_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("due_on > asked_on", name="due_on"),
)

self_reading_request = Table(
    "self_reading_request",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("campaign_id", Integer, ForeignKey("self_reading_campaign.id"), nullable=False),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("code_hash", LargeBinary, unique=True),
    Column("reminded_on", Date),
    Column("answered_at", DateTime(timezone=True)),
    UniqueConstraint("campaign_id", "contract_id"),
    Index("ix_self_reading_request_contract_id", "contract_id"),
)

self_reading_report = Table(
    "self_reading_report",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("request_id", Integer, ForeignKey("self_reading_request.id")),
    Column("read_on", Date, nullable=False),
    Column("volume_ml", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("taken", Boolean, nullable=False),
    Column("reported_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("reported_by", Text, nullable=False),
    Index("ix_self_reading_report_contract_id", "contract_id", "id"),
    Index("ix_self_reading_report_request_id", "request_id"),
)
