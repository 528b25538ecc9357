"""Tables of dunning: dated rates and fees, batches, append-only events, and the days interest was charged for."""

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
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, ExcludeConstraint

from meterhub.kit.db import metadata

# Rates that the operator adds to those shipped; one that is wrong is corrected by a later row.
interest_rate = Table(
    "interest_rate",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("country", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("half_year", Text, nullable=False),
    Column("rate", Numeric, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("basis IN ('consumer', 'business')", name="basis"),
    CheckConstraint("rate >= 0 AND rate <= 100", name="rate"),
)

dunning_fee = Table(
    "dunning_fee",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("country", Text, nullable=False),
    Column("customer_kind", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("amount >= 0", name="amount"),
)

dunning_batch = Table(
    "dunning_batch",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("amount", Numeric(14, 2), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("kind IN ('reminder', 'interest', 'collection')", name="kind"),
)

# A step about a receivable (a ledger entry) or, for closing the water, about a contract. `round` counts from anew
# once a claim was taken back or the water opened again, so that no step happens twice in one course.
dunning_event = Table(
    "dunning_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id")),
    Column("contract_id", Integer, ForeignKey("contract.id")),
    Column("step", Text, nullable=False),
    Column("round", Integer, nullable=False, server_default=text("0")),
    Column("happened_on", Date, nullable=False),
    Column("acts_on", Date),
    Column("open_amount", Numeric(12, 2), nullable=False),
    Column("fee", Numeric(12, 2), nullable=False, server_default=text("0")),
    Column("fee_entry_id", BigInteger, ForeignKey("ledger_entry.id")),
    Column("batch_id", Integer, ForeignKey("dunning_batch.id")),
    Column("reason", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("(entry_id IS NULL) <> (contract_id IS NULL)", name="about"),
    CheckConstraint(
        "step IN ('reminder_1', 'reminder_2', 'collection', 'taken_back', 'disconnection_warning', 'hardship', "
        "'disconnection_order', 'disconnected', 'reconnected', 'withdrawn')",
        name="step",
    ),
    UniqueConstraint("entry_id", "step", "round"),
    UniqueConstraint("contract_id", "step", "round"),
    Index("ix_dunning_event_customer_id", "customer_id", "id"),
    Index("ix_dunning_event_batch_id", "batch_id"),
)

# No day of a receivable bears interest twice.
interest_charge = Table(
    "interest_charge",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id"), nullable=False),
    Column("days", DATERANGE, nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("invoice_id", Integer, ForeignKey("invoice.id"), nullable=False),
    Column("batch_id", Integer, ForeignKey("dunning_batch.id"), nullable=False),
    CheckConstraint("NOT isempty(days)", name="days"),
    ExcludeConstraint(("entry_id", "="), ("days", "&&"), name="ex_interest_charge_days", using="gist"),
    Index("ix_interest_charge_invoice_id", "invoice_id"),
)
