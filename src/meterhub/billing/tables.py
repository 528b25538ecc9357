"""Tables of prices, invoices and lines (runs: `runs.tables`); what is issued is never edited (by trigger)."""

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

tariff = Table(
    "tariff",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("currency", Text, nullable=False),
)

# One component in one period of validity; append-only, so an old bill can always be rated again.
tariff_version = Table(
    "tariff_version",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("tariff_id", Integer, ForeignKey("tariff.id"), nullable=False),
    Column("component", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("service", Text),
    Column("net_price", Numeric, nullable=False),
    Column("per", Text, nullable=False, server_default="year"),
    Column("vat_code", Text, nullable=False),
    Column("valid", DATERANGE, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("parameters", JSONB, nullable=False, server_default=text("'{}'")),
    Column("announced_on", Date),
    Column("ledger_account", Text),
    CheckConstraint("net_price >= 0", name="net_price"),
    ExcludeConstraint(
        ("tariff_id", "="), ("component", "="), ("valid", "&&"), name="ex_tariff_version_valid", using="gist"
    ),
)

vat_rate = Table(
    "vat_rate",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("country", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("rate", Numeric, nullable=False),
    Column("valid", DATERANGE, nullable=False),
    ExcludeConstraint(("country", "="), ("code", "="), ("valid", "&&"), name="ex_vat_rate_valid", using="gist"),
)

# Gapless numbers: the counter moves in the transaction that issues (sequences leave gaps on rollback).
number_series = Table(
    "number_series",
    metadata,
    Column("series", Text, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

# `snapshot` holds every input of the calculation: reads, prices, VAT, customer, seller, chart. `credits_id` is
# what a credit note returns. Other charges and interest have neither run nor, as a rule, contract and period.
invoice = Table(
    "invoice",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="consumption"),
    Column("run_id", Integer, ForeignKey("billing_run.id")),
    Column("contract_id", Integer, ForeignKey("contract.id")),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("credits_id", Integer, ForeignKey("invoice.id")),
    Column("period", DATERANGE),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("reference", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net", Numeric(12, 2), nullable=False),
    Column("vat", Numeric(12, 2), nullable=False),
    Column("gross", Numeric(12, 2), nullable=False),
    Column("daily_l", Numeric),
    Column("snapshot", JSONB, nullable=False),
    CheckConstraint("type IN ('invoice', 'credit_note')", name="type"),
    CheckConstraint("kind IN ('consumption', 'other', 'interest')", name="kind"),
    CheckConstraint("gross = net + vat", name="gross"),
    # A customer may share a contract in several parts of a run's period.
    UniqueConstraint("run_id", "contract_id", "customer_id", "period"),
    Index("ix_invoice_customer_id", "customer_id", "id"),
    Index("ix_invoice_contract_id", "contract_id", "id"),
    Index("ix_invoice_reference", "reference"),
    Index("ix_invoice_credits_id", "credits_id", postgresql_where=text("credits_id IS NOT NULL")),
)

# VAT is computed once a group and document, so it is kept as computed and never summed from lines.
invoice_vat = Table(
    "invoice_vat",
    metadata,
    Column(
        "invoice_id",
        Integer,
        ForeignKey("invoice.id", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    ),
    Column("category", Text, primary_key=True),
    Column("rate", Numeric, primary_key=True),
    Column("base", Numeric(12, 2), nullable=False),
    Column("vat", Numeric(12, 2), nullable=False),
)

invoice_line = Table(
    "invoice_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("invoice_id", Integer, ForeignKey("invoice.id", deferrable=True, initially="DEFERRED"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("component", Text, nullable=False),
    Column("point", Text),
    Column("period", DATERANGE),
    Column("quantity", Numeric, nullable=False),
    Column("unit", Text, nullable=False),
    Column("unit_price", Numeric, nullable=False),
    Column("price_base_quantity", Numeric, nullable=False),
    Column("net", Numeric(12, 2), nullable=False),
    Column("vat_category", Text, nullable=False),
    Column("vat_rate", Numeric, nullable=False),
    Column("quality", Text),
    Column("refers_to", Text),
    Column("trace", JSONB, nullable=False),
    UniqueConstraint("invoice_id", "position"),
    Index(
        "ix_invoice_line_estimated",
        "invoice_id",
        postgresql_where=text("quality = 'estimated' AND refers_to IS NULL"),
    ),
    Index("ix_invoice_line_refers_to", "refers_to", postgresql_where=text("refers_to IS NOT NULL")),
)
