"""Tables of what was credited and why; a line of an issued document can be returned once."""

from sqlalchemy import Column, DateTime, ForeignKey, Integer, Table, Text, UniqueConstraint, func

from meterhub.kit.db import metadata

credit = Table(
    "credit",
    metadata,
    Column("invoice_id", Integer, ForeignKey("invoice.id"), primary_key=True),
    Column("credits_id", Integer, ForeignKey("invoice.id"), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
)

credit_line = Table(
    "credit_line",
    metadata,
    Column("credits_id", Integer, ForeignKey("invoice.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("invoice_id", Integer, ForeignKey("credit.invoice_id"), nullable=False),
    UniqueConstraint("invoice_id", "position"),
)
