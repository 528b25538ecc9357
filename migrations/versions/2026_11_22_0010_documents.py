"""Documents of every kind, also without run, contract and period; how and where customers get theirs.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CUSTOMER = (
    "einvoice_address",
    "einvoice_operator",
    "business_id",
    "billing_name",
    "billing_street",
    "billing_postal_code",
    "billing_city",
)


def upgrade() -> None:
    op.add_column("customer", sa.Column("delivery_channel", sa.Text(), server_default="paper", nullable=False))
    for name in CUSTOMER:
        op.add_column("customer", sa.Column(name, sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_customer_delivery_channel"),
        "customer",
        "delivery_channel IN ('paper', 'email', 'finvoice', 'ehf', 'peppol')",
    )
    op.create_check_constraint(
        op.f("ck_customer_billing_address"),
        "customer",
        "num_nulls(billing_street, billing_postal_code, billing_city) IN (0, 3)",
    )
    op.add_column("invoice", sa.Column("kind", sa.Text(), server_default="consumption", nullable=False))
    op.add_column("invoice", sa.Column("credits_id", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_invoice_kind"), "invoice", "kind IN ('consumption', 'other', 'interest')")
    op.create_foreign_key(op.f("fk_invoice_credits_id"), "invoice", "invoice", ["credits_id"], ["id"])
    op.create_index(
        "ix_invoice_credits_id", "invoice", ["credits_id"], postgresql_where=sa.text("credits_id IS NOT NULL")
    )
    for name in ("run_id", "contract_id", "period"):
        op.alter_column("invoice", name, nullable=True)
    op.drop_constraint(op.f("uq_invoice_run_id_contract_id"), "invoice")
    op.create_unique_constraint(
        op.f("uq_invoice_run_id_contract_id_customer_id_period"),
        "invoice",
        ["run_id", "contract_id", "customer_id", "period"],
    )
    op.alter_column("invoice_line", "period", nullable=True)
    op.add_column("invoice_line", sa.Column("point", sa.Text(), nullable=True))
    op.add_column("invoice_line", sa.Column("refers_to", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("invoice_line", "refers_to")
    op.drop_column("invoice_line", "point")
    op.alter_column("invoice_line", "period", nullable=False)
    op.drop_constraint(op.f("uq_invoice_run_id_contract_id_customer_id_period"), "invoice")
    op.create_unique_constraint(op.f("uq_invoice_run_id_contract_id"), "invoice", ["run_id", "contract_id"])
    for name in ("period", "contract_id", "run_id"):
        op.alter_column("invoice", name, nullable=False)
    op.drop_index("ix_invoice_credits_id", "invoice")
    op.drop_constraint(op.f("fk_invoice_credits_id"), "invoice")
    op.drop_constraint(op.f("ck_invoice_kind"), "invoice")
    op.drop_column("invoice", "credits_id")
    op.drop_column("invoice", "kind")
    op.drop_constraint(op.f("ck_customer_billing_address"), "customer")
    op.drop_constraint(op.f("ck_customer_delivery_channel"), "customer")
    for name in (*reversed(CUSTOMER), "delivery_channel"):
        op.drop_column("customer", name)
