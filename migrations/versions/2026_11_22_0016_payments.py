"""Money in and out: bank files, payments, the queue, refunds, write-offs, plans, stops, accounting exports.

Revision: 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NEVER_EDITED = ("payment", "refund_event", "accounting_exported")
NEVER_EDITED_SQL = """
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
NEVER_EMPTIED_SQL = """
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""

# What has been covered of a plan's items since it was agreed on.
PLAN_PAID = """
CREATE FUNCTION payment_plan_paid(plan integer) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(i.open_amount - e.amount + coalesce(
        (SELECT sum(a.amount) FROM allocation a WHERE a.debit_entry_id = e.id), 0)), 0)
    FROM payment_plan_item i JOIN ledger_entry e ON e.id = i.entry_id WHERE i.plan_id = plan
$$
"""
PLAN_BEHIND = """
CREATE FUNCTION payment_plan_behind(plan integer, on_day date) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT sum(amount) FROM payment_plan_instalment WHERE plan_id = plan AND due_on < on_day), 0)
        - payment_plan_paid(plan)
$$
"""


def upgrade() -> None:
    op.create_table(
        "accounting_export",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("debit", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_export")),
    )
    op.create_table(
        "payment_file",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("repeated_count", sa.Integer(), nullable=False),
        sa.Column("repeated_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("skipped", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_file")),
        sa.UniqueConstraint("format", "key", name=op.f("uq_payment_file_format_key")),
        sa.UniqueConstraint("sha256", name=op.f("uq_payment_file_sha256")),
    )
    op.create_table(
        "refund_file",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("execute_on", sa.Date(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_file")),
        sa.UniqueConstraint("message_id", name=op.f("uq_refund_file_message_id")),
    )
    op.create_table(
        "accounting_exported",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("source IN ('entry', 'payment')", name=op.f("ck_accounting_exported_source")),
        sa.ForeignKeyConstraint(
            ["export_id"], ["accounting_export.id"], name=op.f("fk_accounting_exported_export_id")
        ),
        sa.PrimaryKeyConstraint("source", "source_id", name=op.f("pk_accounting_exported")),
    )
    op.create_index("ix_accounting_exported_export_id", "accounting_exported", ["export_id"], unique=False)
    op.create_table(
        "payment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("nature", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("end_to_end_id", sa.Text(), nullable=False),
        sa.Column("remittances", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "nature IN ('credit', 'direct_debit', 'reversal', 'return')", name=op.f("ck_payment_nature")
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_payment_amount")),
        sa.ForeignKeyConstraint(["file_id"], ["payment_file.id"], name=op.f("fk_payment_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
    )
    op.create_index("ix_payment_booked_on", "payment", ["booked_on", "amount"], unique=False)
    op.create_index("ix_payment_file_id", "payment", ["file_id"], unique=False)
    op.create_table(
        "payment_plan",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("agreed_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_payment_plan_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_plan")),
    )
    op.create_index("ix_payment_plan_customer_id", "payment_plan", ["customer_id"], unique=False)
    op.create_table(
        "payment_plan_instalment",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_plan_instalment_amount")),
        sa.ForeignKeyConstraint(["plan_id"], ["payment_plan.id"], name=op.f("fk_payment_plan_instalment_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "due_on", name=op.f("pk_payment_plan_instalment")),
    )
    op.create_table(
        "unmatched_payment",
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("duplicate_of_id", sa.BigInteger(), nullable=True),
        sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_aside_by", sa.Text(), nullable=True),
        sa.Column("set_aside_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["duplicate_of_id"], ["payment.id"], name=op.f("fk_unmatched_payment_duplicate_of_id")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_unmatched_payment_payment_id")),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_unmatched_payment")),
    )
    op.create_table(
        "opening_item",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_opening_item_entry_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_opening_item")),
    )
    op.create_index("ix_opening_item_reference", "opening_item", ["reference"], unique=False)
    op.create_index("ix_opening_item_entry_id", "opening_item", ["entry_id"], unique=False)
    op.create_table(
        "payment_plan_item",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("open_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_payment_plan_item_entry_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["payment_plan.id"], name=op.f("fk_payment_plan_item_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "entry_id", name=op.f("pk_payment_plan_item")),
    )
    op.create_index("ix_payment_plan_item_entry_id", "payment_plan_item", ["entry_id"], unique=False)
    op.create_table(
        "refund",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="proposed", nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'exported', 'returned', 'rejected')", name=op.f("ck_refund_state")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_amount")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_refund_customer_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_refund_entry_id")),
        sa.ForeignKeyConstraint(["file_id"], ["refund_file.id"], name=op.f("fk_refund_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
    )
    op.create_index("ix_refund_customer_id", "refund", ["customer_id"], unique=False)
    op.create_index(
        "uq_refund_waiting", "refund", ["customer_id"], unique=True, postgresql_where=sa.text("state = 'proposed'")
    )
    op.create_table(
        "reminder_stop",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('dispute', 'death', 'bankruptcy', 'hardship', 'other')",
            name=op.f("ck_reminder_stop_reason"),
        ),
        sa.CheckConstraint(
            "valid_to > valid_from OR (valid_to = valid_from AND ended_by IS NOT NULL)",
            name=op.f("ck_reminder_stop_valid"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_reminder_stop_customer_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_reminder_stop_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_stop")),
    )
    op.create_index("ix_reminder_stop_customer_id", "reminder_stop", ["customer_id"], unique=False)
    op.create_table(
        "write_off",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("debit_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'posted') = (entry_id IS NOT NULL)", name=op.f("ck_write_off_posted")),
        sa.CheckConstraint("state IN ('proposed', 'posted', 'rejected')", name=op.f("ck_write_off_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_write_off_amount")),
        sa.ForeignKeyConstraint(["debit_entry_id"], ["ledger_entry.id"], name=op.f("fk_write_off_debit_entry_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_write_off_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_off")),
    )
    op.create_index(
        "uq_write_off_waiting",
        "write_off",
        ["debit_entry_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_table(
        "refund_event",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("refund_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_refund_event_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_event")),
    )
    op.create_index(
        "uq_refund_event_approved",
        "refund_event",
        ["refund_id", "by"],
        unique=True,
        postgresql_where=sa.text("what = 'approved'"),
    )
    op.create_foreign_key(op.f("fk_ledger_entry_payment_id"), "ledger_entry", "payment", ["payment_id"], ["id"])
    op.create_index("ix_invoice_reference", "invoice", ["reference"])
    for table in NEVER_EDITED:
        op.execute(NEVER_EDITED_SQL.format(table=table))
        op.execute(NEVER_EMPTIED_SQL.format(table=table))
    op.execute(PLAN_PAID)
    op.execute(PLAN_BEHIND)


def downgrade() -> None:
    op.execute("DROP FUNCTION payment_plan_behind(integer, date)")
    op.execute("DROP FUNCTION payment_plan_paid(integer)")
    op.drop_index("ix_invoice_reference", table_name="invoice")
    op.drop_constraint(op.f("fk_ledger_entry_payment_id"), "ledger_entry", type_="foreignkey")
    op.drop_index(
        "uq_refund_event_approved", table_name="refund_event", postgresql_where=sa.text("what = 'approved'")
    )
    op.drop_table("refund_event")
    op.drop_index("uq_write_off_waiting", table_name="write_off", postgresql_where=sa.text("state = 'proposed'"))
    op.drop_table("write_off")
    op.drop_index("ix_reminder_stop_customer_id", table_name="reminder_stop")
    op.drop_table("reminder_stop")
    op.drop_index("uq_refund_waiting", table_name="refund", postgresql_where=sa.text("state = 'proposed'"))
    op.drop_index("ix_refund_customer_id", table_name="refund")
    op.drop_table("refund")
    op.drop_index("ix_payment_plan_item_entry_id", table_name="payment_plan_item")
    op.drop_table("payment_plan_item")
    op.drop_index("ix_opening_item_reference", table_name="opening_item")
    op.drop_table("opening_item")
    op.drop_table("unmatched_payment")
    op.drop_table("payment_plan_instalment")
    op.drop_index("ix_payment_plan_customer_id", table_name="payment_plan")
    op.drop_table("payment_plan")
    op.drop_index("ix_payment_file_id", table_name="payment")
    op.drop_index("ix_payment_booked_on", table_name="payment")
    op.drop_table("payment")
    op.drop_index("ix_accounting_exported_export_id", table_name="accounting_exported")
    op.drop_table("accounting_exported")
    op.drop_table("refund_file")
    op.drop_table("payment_file")
    op.drop_table("accounting_export")
