"""Self-reading: campaigns, whom they ask, what is reported.

Revision: 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "self_reading_campaign",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("due_on > asked_on", name=op.f("ck_self_reading_campaign_due_on")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_self_reading_campaign")),
    )
    op.create_table(
        "self_reading_request",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("reminded_on", sa.Date(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["self_reading_campaign.id"], name=op.f("fk_self_reading_request_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_self_reading_request_contract_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_self_reading_request")),
        sa.UniqueConstraint(
            "campaign_id", "contract_id", name=op.f("uq_self_reading_request_campaign_id_contract_id")
        ),
        sa.UniqueConstraint("code_hash", name=op.f("uq_self_reading_request_code_hash")),
    )
    op.create_index("ix_self_reading_request_contract_id", "self_reading_request", ["contract_id"], unique=False)
    op.create_table(
        "self_reading_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("read_on", sa.Date(), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_self_reading_report_contract_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["self_reading_request.id"], name=op.f("fk_self_reading_report_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_self_reading_report")),
    )
    op.create_index(
        "ix_self_reading_report_contract_id", "self_reading_report", ["contract_id", "id"], unique=False
    )
    op.create_index("ix_self_reading_report_request_id", "self_reading_report", ["request_id"], unique=False)


def downgrade() -> None:
    op.drop_table("self_reading_report")
    op.drop_table("self_reading_request")
    op.drop_table("self_reading_campaign")
