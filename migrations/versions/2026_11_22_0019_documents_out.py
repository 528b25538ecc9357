"""Credits of issued documents, and the outbox by which documents reach customers.

Revision: 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

REFUSE_CHANGE = """
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
REFUSE_TRUNCATE = """
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.create_table(
        "credit",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("credits_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_credit_invoice_id")),
        sa.ForeignKeyConstraint(["credits_id"], ["invoice.id"], name=op.f("fk_credit_credits_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_credit")),
    )
    op.create_index(op.f("ix_credit_credits_id"), "credit", ["credits_id"])
    op.create_table(
        "credit_line",
        sa.Column("credits_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["credits_id"], ["invoice.id"], name=op.f("fk_credit_line_credits_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["credit.invoice_id"], name=op.f("fk_credit_line_invoice_id")),
        sa.PrimaryKeyConstraint("credits_id", "position", name=op.f("pk_credit_line")),
        sa.UniqueConstraint("invoice_id", "position", name=op.f("uq_credit_line_invoice_id_position")),
    )
    for table in ("credit", "credit_line"):
        op.execute(REFUSE_CHANGE.format(table=table))
        op.execute(REFUSE_TRUNCATE.format(table=table))
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("letter", postgresql.JSONB(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_as", sa.Text(), nullable=True),
        sa.Column("resend_of", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("num_nonnulls(invoice_id, letter) = 1", name=op.f("ck_delivery_content")),
        sa.CheckConstraint(
            "channel IN ('paper', 'email', 'finvoice', 'ehf', 'peppol')", name=op.f("ck_delivery_channel")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'failed', 'uncertain')", name=op.f("ck_delivery_state")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_delivery_customer_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_delivery_invoice_id")),
        sa.ForeignKeyConstraint(["resend_of"], ["delivery.id"], name=op.f("fk_delivery_resend_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_invoice_id", "delivery", ["invoice_id"])
    op.create_index("ix_delivery_customer_id", "delivery", ["customer_id", "id"])
    op.create_index(
        "uq_delivery_invoice_first",
        "delivery",
        ["invoice_id"],
        unique=True,
        postgresql_where=sa.text("invoice_id IS NOT NULL AND resend_of IS NULL"),
    )
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["not_before", "id"],
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )


def downgrade() -> None:
    op.drop_table("delivery")
    op.drop_table("credit_line")
    op.drop_table("credit")
