"""Drafts are compressed again: without, each fills a page of its own.

Revision: 0030, after 0029.
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE billing_draft RESET (toast_tuple_target)")


def downgrade() -> None:
    op.execute("ALTER TABLE billing_draft SET (toast_tuple_target = 8160)")
