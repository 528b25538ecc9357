"""The outbox: what is to be sent to whom, how far it is, and what went wrong."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from meterhub.kit.db import metadata

# A document is queued once; sending it again is a row of its own that names the first.
delivery = Table(
    "delivery",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("invoice_id", Integer, ForeignKey("invoice.id")),
    Column("letter", JSONB),
    Column("number", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("claimed_at", DateTime(timezone=True)),
    Column("batch", Text),
    Column("problem", Text),
    Column("sent_at", DateTime(timezone=True)),
    Column("sent_as", Text),
    Column("resend_of", BigInteger, ForeignKey("delivery.id")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("num_nonnulls(invoice_id, letter) = 1", name="content"),
    CheckConstraint("channel IN ('paper', 'email', 'finvoice', 'ehf', 'peppol')", name="channel"),
    CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed', 'uncertain')", name="state"),
    Index("ix_delivery_invoice_id", "invoice_id"),
    Index("ix_delivery_customer_id", "customer_id", "id"),
    Index(
        "uq_delivery_invoice_first",
        "invoice_id",
        unique=True,
        postgresql_where=text("invoice_id IS NOT NULL AND resend_of IS NULL"),
    ),
    Index("ix_delivery_open", "not_before", "id", postgresql_where=text("state IN ('waiting', 'sending')")),
)
