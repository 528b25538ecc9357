"""Prices of every kind of component: parameters, when a price was announced, and its ledger account.

Revision: 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tariff_version",
        sa.Column("parameters", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("tariff_version", sa.Column("announced_on", sa.Date(), nullable=True))
    op.add_column("tariff_version", sa.Column("ledger_account", sa.Text(), nullable=True))


def downgrade() -> None:
    for name in ("ledger_account", "announced_on", "parameters"):
        op.drop_column("tariff_version", name)
