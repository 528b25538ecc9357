"""Dunning: dated rates and fees, batches, events that are never changed, days charged with interest.

Revision: 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "interest_rate",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("half_year", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("basis IN ('consumer', 'business')", name=op.f("ck_interest_rate_basis")),
        sa.CheckConstraint("rate >= 0 AND rate <= 100", name=op.f("ck_interest_rate_rate")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interest_rate")),
    )
    op.create_table(
        "dunning_fee",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("customer_kind", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_dunning_fee_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_fee")),
    )
    op.create_table(
        "dunning_batch",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('reminder', 'interest', 'collection')", name=op.f("ck_dunning_batch_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_batch")),
    )
    op.create_table(
        "dunning_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("contract_id", sa.Integer(), nullable=True),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("acts_on", sa.Date(), nullable=True),
        sa.Column("open_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("fee", sa.Numeric(precision=12, scale=2), server_default=sa.text("0"), nullable=False),
        sa.Column("fee_entry_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "step IN ('reminder_1', 'reminder_2', 'collection', 'taken_back', 'disconnection_warning', 'hardship', 'disconnection_order', 'disconnected', 'reconnected', 'withdrawn')",
            name=op.f("ck_dunning_event_step"),
        ),
        sa.CheckConstraint("(entry_id IS NULL) <> (contract_id IS NULL)", name=op.f("ck_dunning_event_about")),
        sa.ForeignKeyConstraint(["batch_id"], ["dunning_batch.id"], name=op.f("fk_dunning_event_batch_id")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_dunning_event_contract_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_dunning_event_customer_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_dunning_event_entry_id")),
        sa.ForeignKeyConstraint(["fee_entry_id"], ["ledger_entry.id"], name=op.f("fk_dunning_event_fee_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_event")),
        sa.UniqueConstraint("contract_id", "step", "round", name=op.f("uq_dunning_event_contract_id_step_round")),
        sa.UniqueConstraint("entry_id", "step", "round", name=op.f("uq_dunning_event_entry_id_step_round")),
    )
    op.create_index("ix_dunning_event_batch_id", "dunning_event", ["batch_id"], unique=False)
    op.create_index("ix_dunning_event_customer_id", "dunning_event", ["customer_id", "id"], unique=False)
    op.create_table(
        "interest_charge",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("days", postgresql.DATERANGE(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("entry_id"), "="), (sa.column("days"), "&&"), using="gist", name="ex_interest_charge_days"
        ),
        sa.CheckConstraint("NOT isempty(days)", name=op.f("ck_interest_charge_days")),
        sa.ForeignKeyConstraint(["batch_id"], ["dunning_batch.id"], name=op.f("fk_interest_charge_batch_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_interest_charge_entry_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_interest_charge_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interest_charge")),
    )
    op.create_index("ix_interest_charge_invoice_id", "interest_charge", ["invoice_id"], unique=False)
    for table in ("dunning_event", "interest_charge"):
        op.execute(
            f"CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.drop_table("interest_charge")
    op.drop_table("dunning_event")
    op.drop_table("dunning_batch")
    op.drop_table("dunning_fee")
    op.drop_table("interest_rate")
