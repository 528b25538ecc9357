"""Reads that come from dated registers of later telegrams, and whose telegrams were looked through for them.

Revision: 0027, after 0026.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "historic_read",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw_frame_id", sa.BigInteger(), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_historic_read_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", "at", name=op.f("pk_historic_read")),
    )
    op.create_table(
        "history_look",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("raw_frame_id", sa.BigInteger(), nullable=True),
        sa.Column("again_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("examined", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_history_look_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", name=op.f("pk_history_look")),
    )


def downgrade() -> None:
    op.drop_table("history_look")
    op.drop_table("historic_read")
