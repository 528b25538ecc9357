"""Tables of other bills: drafts until they are issued, then the order that an invoice came from."""

from sqlalchemy import (
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
)

from meterhub.kit.db import metadata

other_bill = Table(
    "other_bill",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("state", Text, nullable=False, server_default="draft"),
    Column("purpose", Text, nullable=False),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("property_id", Integer, ForeignKey("property.id")),
    Column("tariff_id", Integer, ForeignKey("tariff.id"), nullable=False),
    Column("delivered_on", Date, nullable=False),
    Column("permit_no", Text),
    Column("note", Text, nullable=False, server_default=""),
    Column("invoice_id", Integer, ForeignKey("invoice.id"), unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Column("settled_by", Text),
    CheckConstraint("state IN ('draft', 'issued', 'discarded')", name="state"),
    CheckConstraint("(state = 'issued') = (invoice_id IS NOT NULL)", name="invoice_id"),
    CheckConstraint(
        "purpose IN ('connection', 'work', 'building_supervision', 'service', 'reading_service')", name="purpose"
    ),
    Index("ix_other_bill_customer_id", "customer_id"),
)

other_bill_item = Table(
    "other_bill_item",
    metadata,
    Column("bill_id", Integer, ForeignKey("other_bill.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("component", Text, nullable=False),
    Column("quantity", Numeric, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint("quantity <> 0", name="quantity"),
)
