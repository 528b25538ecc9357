"""Other bills: drafts of products, and the invoices they became.

Revision: 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "other_bill",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("property_id", sa.Integer(), nullable=True),
        sa.Column("tariff_id", sa.Integer(), nullable=False),
        sa.Column("delivered_on", sa.Date(), nullable=False),
        sa.Column("permit_no", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'issued') = (invoice_id IS NOT NULL)", name=op.f("ck_other_bill_invoice_id")),
        sa.CheckConstraint(
            "purpose IN ('connection', 'work', 'building_supervision', 'service', 'reading_service')",
            name=op.f("ck_other_bill_purpose"),
        ),
        sa.CheckConstraint("state IN ('draft', 'issued', 'discarded')", name=op.f("ck_other_bill_state")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_other_bill_customer_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_other_bill_invoice_id")),
        sa.ForeignKeyConstraint(["property_id"], ["property.id"], name=op.f("fk_other_bill_property_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_other_bill_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_other_bill")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_other_bill_invoice_id")),
    )
    op.create_index("ix_other_bill_customer_id", "other_bill", ["customer_id"], unique=False)
    op.create_table(
        "other_bill_item",
        sa.Column("bill_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_other_bill_item_quantity")),
        sa.ForeignKeyConstraint(["bill_id"], ["other_bill.id"], name=op.f("fk_other_bill_item_bill_id")),
        sa.PrimaryKeyConstraint("bill_id", "position", name=op.f("pk_other_bill_item")),
    )


def downgrade() -> None:
    op.drop_table("other_bill_item")
    op.drop_table("other_bill")
