"""Lines and VAT groups may be stored before the document that they belong to, in one transaction.

Revision: 0028, after 0027. Drafts are kept as they are written: what is read once, soon, is not worth compressing.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

CONSTRAINTS = (("invoice_line", "fk_invoice_line_invoice_id"), ("invoice_vat", "fk_invoice_vat_invoice_id"))


def upgrade() -> None:
    for table, constraint in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} ALTER CONSTRAINT {constraint} DEFERRABLE INITIALLY DEFERRED")
    op.execute("ALTER TABLE billing_draft SET (toast_tuple_target = 8160)")


def downgrade() -> None:
    op.execute("ALTER TABLE billing_draft RESET (toast_tuple_target)")
    for table, constraint in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} ALTER CONSTRAINT {constraint} NOT DEFERRABLE")
