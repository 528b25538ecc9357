"""The table of what-ifs: what was asked, how far it is, and its sums."""

from sqlalchemy import CheckConstraint, Column, DateTime, Identity, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from meterhub.kit.db import metadata

what_if = Table(
    "what_if",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("asked", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("accounts_total", Integer, nullable=False, server_default=text("0")),
    Column("accounts_done", Integer, nullable=False, server_default=text("0")),
    Column("result", JSONB),
    Column("problem", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('queued', 'running', 'finished', 'failed')", name="state"),
)
