"""The picture of consumption on a document is kept beside it; it does not hold up the numbers of a run.

Revision: 0025, after 0024.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

GUARD = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON billing_picture
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.create_table(
        "billing_picture",
        sa.Column("invoice_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_billing_picture_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_billing_picture")),
    )
    op.execute(GUARD)


def downgrade() -> None:
    op.drop_table("billing_picture")
