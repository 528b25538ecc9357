"""Tables of billing runs: their contracts, drafts and holds, and what clerks add to bills."""

from sqlalchemy import (
    JSON,
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
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, JSONB, ExcludeConstraint

from meterhub.kit.db import metadata

# `kind` regular: a billing group and period; settlement: measured use against a konto; contracts: those named, out
# of turn. No two runs of a group and kind share a day, unless one was cancelled.
billing_run = Table(
    "billing_run",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, server_default="regular"),
    Column("billing_group", Text, ForeignKey("billing_group.code")),
    Column("contract_ids", ARRAY(Integer)),
    Column("period", DATERANGE, nullable=False),
    Column("tariff_id", Integer, ForeignKey("tariff.id"), nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("parameters", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("approved_at", DateTime(timezone=True)),
    Column("approved_by", Text),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("cancelled_by", Text),
    Column("finished_at", DateTime(timezone=True)),
    Column("accounts_total", Integer, nullable=False, server_default=text("0")),
    Column("accounts_done", Integer, nullable=False, server_default=text("0")),
    CheckConstraint(
        "state IN ('queued', 'running', 'failed', 'calculated', 'approved', 'issuing', 'issued', 'cancelled')",
        name="state",
    ),
    CheckConstraint("kind IN ('regular', 'settlement', 'contracts')", name="kind"),
    CheckConstraint("(kind = 'contracts') = (billing_group IS NULL)", name="billing_group"),
    # four eyes
    CheckConstraint("approved_by <> created_by", name="approved_by"),
    ExcludeConstraint(
        ("billing_group", "="),
        ("kind", "="),
        ("period", "&&"),
        name="ex_billing_run_period",
        using="gist",
        where=text("state <> 'cancelled'"),
    ),
)

# The contracts of a run, fixed when it starts; workers take those in state `todo`, each once.
billing_run_contract = Table(
    "billing_run_contract",
    metadata,
    Column("run_id", Integer, ForeignKey("billing_run.id"), primary_key=True),
    Column("contract_id", Integer, ForeignKey("contract.id"), primary_key=True),
    Column("period", DATERANGE, nullable=False),
    Column("state", Text, nullable=False, server_default="todo"),
    CheckConstraint("state IN ('todo', 'held', 'ready', 'nothing', 'issued', 'skipped')", name="state"),
    Index("ix_billing_run_contract_todo", "run_id", "contract_id", postgresql_where=text("state = 'todo'")),
    Index("ix_billing_run_contract_ready", "run_id", "contract_id", postgresql_where=text("state = 'ready'")),
    Index("ix_billing_run_contract_contract_id", "contract_id"),
)

# A document as calculated, until it is issued. `daily_l` is the mean use [l a day], `annual_m3` what the reads say
# of a year, `adjustment_ids` what it takes up of `billing_adjustment`.
billing_draft = Table(
    "billing_draft",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Integer, ForeignKey("billing_run.id"), nullable=False),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("period", DATERANGE, nullable=False),
    Column("type", Text, nullable=False),
    Column("net", Numeric(12, 2), nullable=False),
    Column("vat", Numeric(12, 2), nullable=False),
    Column("gross", Numeric(12, 2), nullable=False),
    Column("daily_l", Numeric),
    Column("annual_m3", Numeric),
    Column("adjustment_ids", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    Column("snapshot", JSONB, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("groups", JSON, nullable=False),
    Index("ix_billing_draft_run_id", "run_id", "contract_id"),
    Index("ix_billing_draft_contract_id", "contract_id"),
)

# Why a contract waits for a clerk. What cannot be billed at all has no draft and cannot be released, only tried
# again or skipped.
billing_hold = Table(
    "billing_hold",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("run_id", Integer, ForeignKey("billing_run.id"), nullable=False),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("releasable", Boolean, nullable=False, server_default=text("false")),
    Column("held_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolution", Text),
    Column("resolved_by", Text),
    Column("reason", Text),
    CheckConstraint("resolution IN ('retried', 'released', 'skipped')", name="resolution"),
    CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved"),
    UniqueConstraint("run_id", "contract_id", "code"),
)

# What a clerk adds to a contract's next bill: a one-off, a leak credit, a credit for an interruption.
billing_adjustment = Table(
    "billing_adjustment",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("run_id", Integer, ForeignKey("billing_run.id")),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("cancelled_by", Text),
    CheckConstraint("kind IN ('item', 'leak_credit', 'interruption_credit')", name="kind"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("run_id IS NULL OR cancelled_at IS NULL", name="used"),
    Index(
        "ix_billing_adjustment_open",
        "contract_id",
        postgresql_where=text("run_id IS NULL AND cancelled_at IS NULL"),
    ),
    Index("ix_billing_adjustment_contract_id", "contract_id", "id"),
)

# The picture of consumption on a document, kept when it is made first.
billing_picture = Table(
    "billing_picture",
    metadata,
    Column("invoice_id", Integer, ForeignKey("invoice.id"), primary_key=True),
    Column("content", JSONB, nullable=False),
)

# What many snapshots share (prices, seller), once and by its SHA-256; a snapshot names it as `frozen`.
billing_frozen = Table(
    "billing_frozen",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("content", JSONB, nullable=False),
)
