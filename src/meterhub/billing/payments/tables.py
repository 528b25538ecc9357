"""Tables of money in: files and their payments as the bank told them, and what waits for a clerk."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from meterhub.kit.db import metadata

# `total` is the file's own control total; `repeated` payments are there from another file and were not taken.
payment_file = Table(
    "payment_file",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("format", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_on", Date, nullable=False),
    Column("count", Integer, nullable=False),
    Column("total", Numeric(14, 2), nullable=False),
    Column("repeated_count", Integer, nullable=False),
    Column("repeated_total", Numeric(14, 2), nullable=False),
    Column("skipped", JSONB, nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("imported_by", Text, nullable=False),
    UniqueConstraint("format", "key"),
)

# What the bank told, never edited; where it was posted stands in the ledger. Without a file: entered by hand.
payment = Table(
    "payment",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("file_id", Integer, ForeignKey("payment_file.id")),
    Column("place", Text, nullable=False),
    Column("nature", Text, nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("currency", Text, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("account", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("payer", Text, nullable=False),
    Column("bank_id", Text, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("remittances", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint("nature IN ('credit', 'direct_debit', 'reversal', 'return')", name="nature"),
    Index("ix_payment_file_id", "file_id"),
    Index("ix_payment_booked_on", "booked_on", "amount"),
)

# The queue: payments of which something is not posted. Set aside means that a clerk decided not to post it.
unmatched_payment = Table(
    "unmatched_payment",
    metadata,
    Column("payment_id", BigInteger, ForeignKey("payment.id"), primary_key=True),
    Column("why", Text, nullable=False),
    Column("duplicate_of_id", BigInteger, ForeignKey("payment.id")),
    Column("set_aside_at", DateTime(timezone=True)),
    Column("set_aside_by", Text),
    Column("set_aside_reason", Text),
)

# Credit paid back. Two people approve it, neither of them who proposed it; a file takes it once.
refund_file = Table(
    "refund_file",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("count", Integer, nullable=False),
    Column("total", Numeric(14, 2), nullable=False),
    Column("execute_on", Date, nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
)

refund = Table(
    "refund",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("currency", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="proposed"),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id")),
    Column("file_id", Integer, ForeignKey("refund_file.id")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("state IN ('proposed', 'approved', 'exported', 'returned', 'rejected')", name="state"),
    Index("ix_refund_customer_id", "customer_id"),
    Index("uq_refund_waiting", "customer_id", unique=True, postgresql_where=text("state = 'proposed'")),
)

refund_event = Table(
    "refund_event",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("refund_id", Integer, ForeignKey("refund.id"), nullable=False),
    Column("what", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False, server_default=""),
    Index(
        "uq_refund_event_approved",
        "refund_id",
        "by",
        unique=True,
        postgresql_where=text("what = 'approved'"),
    ),
)

# A debt given up; above the limit it waits for a second person.
write_off = Table(
    "write_off",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("debit_entry_id", BigInteger, ForeignKey("ledger_entry.id"), nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("state IN ('proposed', 'posted', 'rejected')", name="state"),
    CheckConstraint("(state = 'posted') = (entry_id IS NOT NULL)", name="posted"),
    Index("uq_write_off_waiting", "debit_entry_id", unique=True, postgresql_where=text("state = 'proposed'")),
)

# What an export took; a source is exported once.
accounting_export = Table(
    "accounting_export",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("until", Date, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("debit", Numeric(14, 2), nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
)

accounting_exported = Table(
    "accounting_exported",
    metadata,
    Column("source", Text, primary_key=True),
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("export_id", Integer, ForeignKey("accounting_export.id"), nullable=False),
    CheckConstraint("source IN ('entry', 'payment')", name="source"),
    Index("ix_accounting_exported_export_id", "export_id"),
)
