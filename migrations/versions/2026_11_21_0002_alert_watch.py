"""What the detectors remember of a meter, and how an alert ended.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("outcome", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_alert_outcome"), "alert", "outcome IN ('ended', 'resolved', 'false', 'expired')"
    )
    op.create_index("ix_alert_metering_point_id_id", "alert", ["metering_point_id", "id"], unique=False)
    op.create_table(
        "alert_watch",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("examined_until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_read_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_alert_watch_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", name=op.f("pk_alert_watch")),
    )
    op.create_table(
        "flow_day",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("highest_ml_h", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("unstill_s", sa.Integer(), nullable=False),
        sa.Column("step_ml", sa.BigInteger(), nullable=False),
        sa.Column("in_alert", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_flow_day_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", "day", name=op.f("pk_flow_day")),
    )


def downgrade() -> None:
    op.drop_table("flow_day")
    op.drop_table("alert_watch")
    op.drop_index("ix_alert_metering_point_id_id", table_name="alert")
    op.drop_constraint(op.f("ck_alert_outcome"), "alert", type_="check")
    op.drop_column("alert", "outcome")
