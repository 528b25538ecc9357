"""The receivables ledger and what covers what; documents issued so far are posted.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REFUSE_TRUNCATE = """
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
REFUSE_CHANGE = """
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""

# Both entries are locked first, so that two transactions cannot use the same credit, each unseen by the other.
CHECK_ALLOCATION = """
CREATE FUNCTION check_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM 1 FROM ledger_entry WHERE id IN
        (SELECT credit_entry_id FROM added UNION SELECT debit_entry_id FROM added) ORDER BY id FOR NO KEY UPDATE;
    SELECT a.credit_entry_id, a.debit_entry_id INTO bad
    FROM added a JOIN ledger_entry c ON c.id = a.credit_entry_id JOIN ledger_entry d ON d.id = a.debit_entry_id
    WHERE c.amount >= 0 OR d.amount <= 0 OR c.customer_id <> d.customer_id OR c.currency <> d.currency
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % cannot cover entry %: it takes a credit and a debit of one customer and currency',
            bad.credit_entry_id, bad.debit_entry_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT e.id, e.amount, s.total INTO bad
    FROM (SELECT credit_entry_id AS id FROM added UNION SELECT debit_entry_id FROM added) touched
    JOIN ledger_entry e USING (id)
    CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS total FROM allocation
                        WHERE (e.amount < 0 AND credit_entry_id = e.id)
                           OR (e.amount > 0 AND debit_entry_id = e.id)) s
    WHERE s.total < 0 OR s.total > abs(e.amount)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % of % would be allocated %: more than it has', bad.id, bad.amount, bad.total
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""
CHECKED = """
CREATE TRIGGER never_too_much AFTER INSERT ON allocation REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION check_allocation()
"""
POST_ISSUED = """
INSERT INTO ledger_entry (customer_id, booked_on, due_on, kind, amount, currency, invoice_id, created_by)
SELECT customer_id, issued_on, CASE WHEN gross > 0 THEN due_on END, type, gross, currency, id, 'migration'
FROM invoice WHERE gross <> 0 ORDER BY id
"""


def upgrade() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entry_amount")),
        sa.CheckConstraint(
            "kind IN ('invoice', 'credit_note', 'payment', 'payment_reversal', 'refund', 'refund_returned', "
            "'write_off', 'reminder_fee', 'collection_fee', 'opening', 'set_off', 'rounding', 'reversal')",
            name=op.f("ck_ledger_entry_kind"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_ledger_entry_customer_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_ledger_entry_invoice_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["ledger_entry.id"], name=op.f("fk_ledger_entry_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    op.create_index("ix_ledger_entry_customer_id", "ledger_entry", ["customer_id", "id"])
    op.create_index("ix_ledger_entry_payment_id", "ledger_entry", ["payment_id"])
    op.create_index("ix_ledger_entry_booked_on", "ledger_entry", ["booked_on", "id"])
    op.create_index(
        "uq_ledger_entry_invoice_id",
        "ledger_entry",
        ["invoice_id"],
        unique=True,
        postgresql_where=sa.text("kind IN ('invoice', 'credit_note')"),
    )
    op.create_index(
        "uq_ledger_entry_reverses_id",
        "ledger_entry",
        ["reverses_id"],
        unique=True,
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("credit_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("debit_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount <> 0 AND (amount < 0) = (reverses_id IS NOT NULL)", name=op.f("ck_allocation_amount")
        ),
        sa.ForeignKeyConstraint(
            ["credit_entry_id"], ["ledger_entry.id"], name=op.f("fk_allocation_credit_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["debit_entry_id"], ["ledger_entry.id"], name=op.f("fk_allocation_debit_entry_id")
        ),
        sa.ForeignKeyConstraint(["reverses_id"], ["allocation.id"], name=op.f("fk_allocation_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
    )
    op.create_index("ix_allocation_credit_entry_id", "allocation", ["credit_entry_id"])
    op.create_index("ix_allocation_debit_entry_id", "allocation", ["debit_entry_id"])
    op.create_index(
        "uq_allocation_reverses_id",
        "allocation",
        ["reverses_id"],
        unique=True,
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    for table in ("ledger_entry", "allocation"):
        op.execute(REFUSE_CHANGE.format(table=table))
        op.execute(REFUSE_TRUNCATE.format(table=table))
    op.execute(CHECK_ALLOCATION)
    op.execute(CHECKED)
    op.execute(POST_ISSUED)


def downgrade() -> None:
    op.drop_table("allocation")
    op.drop_table("ledger_entry")
    op.execute("DROP FUNCTION check_allocation()")
