"""Tables of the receivables ledger: entries and what covers what; triggers refuse every change to a row."""

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
    func,
    text,
)

from meterhub.kit.db import metadata

# What the customer owes is positive, what it is owed negative; the balance is the sum.
ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("due_on", Date),
    Column("kind", Text, nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("currency", Text, nullable=False),
    Column("invoice_id", Integer, ForeignKey("invoice.id")),
    Column("payment_id", BigInteger, ForeignKey("payment.id")),
    Column("reverses_id", BigInteger, ForeignKey("ledger_entry.id")),
    Column("text", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint(
        "kind IN ('invoice', 'credit_note', 'payment', 'payment_reversal', 'refund', 'refund_returned', "
        "'write_off', 'reminder_fee', 'collection_fee', 'opening', 'set_off', 'rounding', 'reversal')",
        name="kind",
    ),
    Index("ix_ledger_entry_customer_id", "customer_id", "id"),
    Index("ix_ledger_entry_payment_id", "payment_id"),
    Index("ix_ledger_entry_booked_on", "booked_on", "id"),
    Index(
        "uq_ledger_entry_invoice_id",
        "invoice_id",
        unique=True,
        postgresql_where=text("kind IN ('invoice', 'credit_note')"),
    ),
    Index(
        "uq_ledger_entry_reverses_id", "reverses_id", unique=True, postgresql_where=text("reverses_id IS NOT NULL")
    ),
)

# How much of a credit covers a debit of the same customer; a negative row takes back what it names.
allocation = Table(
    "allocation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("credit_entry_id", BigInteger, ForeignKey("ledger_entry.id"), nullable=False),
    Column("debit_entry_id", BigInteger, ForeignKey("ledger_entry.id"), nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("reverses_id", BigInteger, ForeignKey("allocation.id")),
    Column("reason", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("amount <> 0 AND (amount < 0) = (reverses_id IS NOT NULL)", name="amount"),
    Index("ix_allocation_credit_entry_id", "credit_entry_id"),
    Index("ix_allocation_debit_entry_id", "debit_entry_id"),
    Index(
        "uq_allocation_reverses_id", "reverses_id", unique=True, postgresql_where=text("reverses_id IS NOT NULL")
    ),
)

# Items of the system before this one, with the numbers and references that customers still pay by.
opening_item = Table(
    "opening_item",
    metadata,
    Column("number", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id"), nullable=False),
    Column("file_sha256", Text, nullable=False),
    Index("ix_opening_item_reference", "reference"),
    Index("ix_opening_item_entry_id", "entry_id"),
)

# What is owed, to be paid in parts by agreement; while it is kept, no reminders go out for its items.
payment_plan = Table(
    "payment_plan",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("agreed_on", Date, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("ended_on", Date),
    Column("ended_by", Text),
    Index("ix_payment_plan_customer_id", "customer_id"),
)

payment_plan_item = Table(
    "payment_plan_item",
    metadata,
    Column("plan_id", Integer, ForeignKey("payment_plan.id"), primary_key=True),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id"), primary_key=True),
    Column("open_amount", Numeric(12, 2), nullable=False),
    Index("ix_payment_plan_item_entry_id", "entry_id"),
)

payment_plan_instalment = Table(
    "payment_plan_instalment",
    metadata,
    Column("plan_id", Integer, ForeignKey("payment_plan.id"), primary_key=True),
    Column("due_on", Date, primary_key=True),
    Column("amount", Numeric(12, 2), nullable=False),
    CheckConstraint("amount > 0", name="amount"),
)

# No reminders, collection or disconnection: for one entry, or for the whole account where none is named.
reminder_stop = Table(
    "reminder_stop",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("entry_id", BigInteger, ForeignKey("ledger_entry.id")),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False, server_default=""),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("ended_by", Text),
    CheckConstraint("reason IN ('dispute', 'death', 'bankruptcy', 'hardship', 'other')", name="reason"),
    CheckConstraint("valid_to > valid_from OR (valid_to = valid_from AND ended_by IS NOT NULL)", name="valid"),
    Index("ix_reminder_stop_customer_id", "customer_id"),
)
