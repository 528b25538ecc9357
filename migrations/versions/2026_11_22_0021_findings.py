"""What the checks of reads and hours found.

Revision: 0021, after 0020.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("metering_point_id", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'accepted', 'dismissed', 'edited', 'closed')", name=op.f("ck_finding_state")
        ),
        sa.CheckConstraint("severity IN ('low', 'medium', 'high')", name=op.f("ck_finding_severity")),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_finding_meter_id")),
        sa.ForeignKeyConstraint(
            ["metering_point_id"], ["metering_point.id"], name=op.f("fk_finding_metering_point_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("meter_id", "rule", "started_at", name=op.f("uq_finding_meter_id_rule_started_at")),
    )
    op.create_index("ix_finding_rule_id", "finding", ["rule", "id"])
    op.create_index("ix_finding_open", "finding", ["rule", "id"], postgresql_where=sa.text("state = 'open'"))
    op.create_index("ix_finding_metering_point_id", "finding", ["metering_point_id", "id"])
    op.create_table(
        "finding_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("read_edit_id", sa.BigInteger(), nullable=True),
        sa.Column("hour_edit_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_event_finding_id")),
        sa.ForeignKeyConstraint(["read_edit_id"], ["read_edit.id"], name=op.f("fk_finding_event_read_edit_id")),
        sa.ForeignKeyConstraint(["hour_edit_id"], ["hour_edit.id"], name=op.f("fk_finding_event_hour_edit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_event")),
    )
    op.create_index("ix_finding_event_finding_id", "finding_event", ["finding_id", "id"])
    op.execute(
        "CREATE TRIGGER never_edited BEFORE UPDATE ON finding_event FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "vee_watch",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("pending_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nightly_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_vee_watch_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", name=op.f("pk_vee_watch")),
    )


def downgrade() -> None:
    for table in ("vee_watch", "finding_event", "finding"):
        op.drop_table(table)
