"""Runs are calculated, approved by another person, then issued; adjustments, releases and shared snapshots.

Revision: 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATES = "state IN ('queued', 'running', 'failed', 'calculated', 'approved', 'issuing', 'issued', 'cancelled')"
STATES_BEFORE = "state IN ('queued', 'running', 'finished', 'failed')"
CONTRACT_STATES = "state IN ('todo', 'held', 'ready', 'nothing', 'issued', 'skipped')"
CONTRACT_STATES_BEFORE = "state IN ('todo', 'issued', 'held', 'nothing')"
GUARD = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON billing_frozen
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    _runs()
    _holds()
    op.create_table(
        "billing_draft",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("net", sa.Numeric(12, 2), nullable=False),
        sa.Column("vat", sa.Numeric(12, 2), nullable=False),
        sa.Column("gross", sa.Numeric(12, 2), nullable=False),
        sa.Column("daily_l", sa.Numeric(), nullable=True),
        sa.Column("annual_m3", sa.Numeric(), nullable=True),
        sa.Column(
            "adjustment_ids", postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["billing_run.id"], name=op.f("fk_billing_draft_run_id")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_billing_draft_contract_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_billing_draft_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_draft")),
    )
    op.create_index("ix_billing_draft_run_id", "billing_draft", ["run_id", "contract_id"])
    op.create_index("ix_billing_draft_contract_id", "billing_draft", ["contract_id"])
    op.create_table(
        "billing_adjustment",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('item', 'leak_credit', 'interruption_credit')", name=op.f("ck_billing_adjustment_kind")
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_billing_adjustment_reason")),
        sa.CheckConstraint("run_id IS NULL OR cancelled_at IS NULL", name=op.f("ck_billing_adjustment_used")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_billing_adjustment_contract_id")),
        sa.ForeignKeyConstraint(["run_id"], ["billing_run.id"], name=op.f("fk_billing_adjustment_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_adjustment")),
    )
    op.create_index(
        "ix_billing_adjustment_open",
        "billing_adjustment",
        ["contract_id"],
        postgresql_where=sa.text("run_id IS NULL AND cancelled_at IS NULL"),
    )
    op.create_index("ix_billing_adjustment_contract_id", "billing_adjustment", ["contract_id", "id"])
    op.create_table(
        "billing_frozen",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_billing_frozen")),
    )
    op.execute(GUARD)
    # Which estimates are still to be replaced by measured use: looked up for each contract of each run.
    op.create_index(
        "ix_invoice_line_estimated",
        "invoice_line",
        ["invoice_id"],
        postgresql_where=sa.text("quality = 'estimated' AND refers_to IS NULL"),
    )
    op.create_index(
        "ix_invoice_line_refers_to",
        "invoice_line",
        ["refers_to"],
        postgresql_where=sa.text("refers_to IS NOT NULL"),
    )
    op.add_column("invoice", sa.Column("daily_l", sa.Numeric(), nullable=True))


def _runs() -> None:
    op.add_column("billing_run", sa.Column("kind", sa.Text(), server_default="regular", nullable=False))
    op.add_column("billing_run", sa.Column("contract_ids", postgresql.ARRAY(sa.Integer()), nullable=True))
    op.add_column(
        "billing_run",
        sa.Column("parameters", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    for name in ("approved", "cancelled"):
        op.add_column("billing_run", sa.Column(f"{name}_at", sa.DateTime(timezone=True), nullable=True))
        op.add_column("billing_run", sa.Column(f"{name}_by", sa.Text(), nullable=True))
    op.alter_column("billing_run", "billing_group", nullable=True)
    op.create_foreign_key(
        op.f("fk_billing_run_billing_group"), "billing_run", "billing_group", ["billing_group"], ["code"]
    )
    op.drop_constraint(op.f("ck_billing_run_state"), "billing_run")
    op.execute("UPDATE billing_run SET state = 'issued' WHERE state = 'finished'")
    op.create_check_constraint(op.f("ck_billing_run_state"), "billing_run", STATES)
    op.create_check_constraint(
        op.f("ck_billing_run_kind"), "billing_run", "kind IN ('regular', 'settlement', 'contracts')"
    )
    op.create_check_constraint(
        op.f("ck_billing_run_billing_group"), "billing_run", "(kind = 'contracts') = (billing_group IS NULL)"
    )
    op.create_check_constraint(op.f("ck_billing_run_approved_by"), "billing_run", "approved_by <> created_by")
    op.drop_constraint("ex_billing_run_period", "billing_run")
    op.create_exclude_constraint(
        "ex_billing_run_period",
        "billing_run",
        ("billing_group", "="),
        ("kind", "="),
        ("period", "&&"),
        using="gist",
        where="state <> 'cancelled'",
    )
    op.drop_constraint(op.f("ck_billing_run_contract_state"), "billing_run_contract")
    op.create_check_constraint(op.f("ck_billing_run_contract_state"), "billing_run_contract", CONTRACT_STATES)
    op.create_index(
        "ix_billing_run_contract_ready",
        "billing_run_contract",
        ["run_id", "contract_id"],
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index("ix_billing_run_contract_contract_id", "billing_run_contract", ["contract_id"])


def _holds() -> None:
    op.add_column(
        "billing_hold", sa.Column("releasable", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    for name in ("resolution", "resolved_by", "reason"):
        op.add_column("billing_hold", sa.Column(name, sa.Text(), nullable=True))
    op.execute("UPDATE billing_hold SET resolution = 'retried' WHERE resolved_at IS NOT NULL")
    op.create_check_constraint(
        op.f("ck_billing_hold_resolution"), "billing_hold", "resolution IN ('retried', 'released', 'skipped')"
    )
    op.create_check_constraint(
        op.f("ck_billing_hold_resolved"), "billing_hold", "(resolved_at IS NULL) = (resolution IS NULL)"
    )
    op.drop_constraint(op.f("uq_billing_hold_run_id_contract_id"), "billing_hold")
    op.create_unique_constraint(
        op.f("uq_billing_hold_run_id_contract_id_code"), "billing_hold", ["run_id", "contract_id", "code"]
    )


def downgrade() -> None:
    op.drop_column("invoice", "daily_l")
    op.drop_index("ix_invoice_line_refers_to", "invoice_line")
    op.drop_index("ix_invoice_line_estimated", "invoice_line")
    op.drop_table("billing_frozen")
    op.drop_table("billing_adjustment")
    op.drop_table("billing_draft")
    op.drop_constraint(op.f("uq_billing_hold_run_id_contract_id_code"), "billing_hold")
    op.create_unique_constraint(
        op.f("uq_billing_hold_run_id_contract_id"), "billing_hold", ["run_id", "contract_id"]
    )
    for name in ("resolved", "resolution"):
        op.drop_constraint(op.f(f"ck_billing_hold_{name}"), "billing_hold")
    for name in ("reason", "resolved_by", "resolution", "releasable"):
        op.drop_column("billing_hold", name)
    op.drop_index("ix_billing_run_contract_contract_id", "billing_run_contract")
    op.drop_index("ix_billing_run_contract_ready", "billing_run_contract")
    op.drop_constraint(op.f("ck_billing_run_contract_state"), "billing_run_contract")
    op.create_check_constraint(
        op.f("ck_billing_run_contract_state"), "billing_run_contract", CONTRACT_STATES_BEFORE
    )
    op.drop_constraint("ex_billing_run_period", "billing_run")
    op.create_exclude_constraint(
        "ex_billing_run_period", "billing_run", ("billing_group", "="), ("period", "&&"), using="gist"
    )
    for name in ("approved_by", "billing_group", "kind", "state"):
        op.drop_constraint(op.f(f"ck_billing_run_{name}"), "billing_run")
    op.drop_constraint(op.f("fk_billing_run_billing_group"), "billing_run")
    op.execute("UPDATE billing_run SET state = 'finished' WHERE state = 'issued'")
    op.create_check_constraint(op.f("ck_billing_run_state"), "billing_run", STATES_BEFORE)
    op.alter_column("billing_run", "billing_group", nullable=False)
    for name in (
        "cancelled_by",
        "cancelled_at",
        "approved_by",
        "approved_at",
        "parameters",
        "contract_ids",
        "kind",
    ):
        op.drop_column("billing_run", name)
