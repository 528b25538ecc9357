"""Gateways as a fleet: enrolment codes, states, history, settings, reception and alarms.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coverage_measured",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_coverage_measured")),
    )
    op.create_table(
        "late_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_late_day")),
    )
    op.create_table(
        "channel_hour",
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("link_mode", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("noise", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_channel_hour_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "link_mode", "hour", name=op.f("pk_channel_hour")),
    )
    op.create_table(
        "clock_shift",
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ahead_s", sa.Double(), nullable=False),
        sa.Column("telegrams", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_clock_shift_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "at", name=op.f("pk_clock_shift")),
    )
    op.create_table(
        "coverage_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("rssi_median_dbm", sa.SmallInteger(), nullable=True),
        sa.Column("rssi_worst_dbm", sa.SmallInteger(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_coverage_day_gateway_id")),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_coverage_day_meter_id")),
        sa.PrimaryKeyConstraint("day", "meter_id", "gateway_id", name=op.f("pk_coverage_day")),
    )
    op.create_index("ix_coverage_day_gateway_id_day", "coverage_day", ["gateway_id", "day"], unique=False)
    op.create_index("ix_coverage_day_meter_id_day", "coverage_day", ["meter_id", "day"], unique=False)
    op.create_table(
        "enrolment_code",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_enrolment_code_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrolment_code_code_hash")),
    )
    op.create_table(
        "fleet_alarm",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=True),
        sa.Column("meter_id", sa.Integer(), nullable=True),
        sa.Column("part", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint("severity IN ('low', 'medium', 'high')", name=op.f("ck_fleet_alarm_severity")),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name=op.f("ck_fleet_alarm_state")),
        sa.CheckConstraint("num_nonnulls(gateway_id, meter_id) = 1", name=op.f("ck_fleet_alarm_subject")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_fleet_alarm_gateway_id")),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_fleet_alarm_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleet_alarm")),
    )
    op.create_index("ix_fleet_alarm_state", "fleet_alarm", ["state", "id"], unique=False)
    op.create_index(
        "uq_fleet_alarm_gateway",
        "fleet_alarm",
        ["gateway_id", "kind", "part"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed' AND gateway_id IS NOT NULL"),
    )
    op.create_index(
        "uq_fleet_alarm_meter",
        "fleet_alarm",
        ["meter_id", "kind", "part"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed' AND meter_id IS NOT NULL"),
    )
    op.create_table(
        "gateway_hour",
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("noise", sa.BigInteger(), nullable=False),
        sa.Column("thinned", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("spool_depth_max", sa.BigInteger(), nullable=False),
        sa.Column("disk_free_bytes_min", sa.BigInteger(), nullable=False),
        sa.Column("clock_ahead_s_worst", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_gateway_hour_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "hour", name=op.f("pk_gateway_hour")),
    )
    op.create_table(
        "gateway_setting",
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("keep", sa.Text(), nullable=True),
        sa.Column("listed_only", sa.Boolean(), nullable=True),
        sa.Column("rotate_token_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint("keep IN ('all', 'quarter', 'hour')", name=op.f("ck_gateway_setting_keep")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_gateway_setting_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_setting")),
    )
    op.create_table(
        "gateway_state",
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("clock_ahead_s", sa.Double(), nullable=False),
        sa.Column("round_trip_s", sa.Double(), nullable=True),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("noise", sa.BigInteger(), nullable=False),
        sa.Column("frames_a_minute", sa.Double(), nullable=True),
        sa.Column("spool_oldest_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spool_bytes", sa.BigInteger(), nullable=False),
        sa.Column("spool_limit_bytes", sa.BigInteger(), nullable=False),
        sa.Column("disk_free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("thinned", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("keeps", sa.Text(), nullable=False),
        sa.Column("listed_only", sa.Boolean(), nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.Column("dongles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("channels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_gateway_state_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_state")),
    )
    op.create_table(
        "meter_reception",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("interval_s", sa.Double(), nullable=True),
        sa.Column("last_heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_meter_reception_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", name=op.f("pk_meter_reception")),
    )
    op.create_table(
        "fleet_alarm_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["fleet_alarm.id"], name=op.f("fk_fleet_alarm_event_alarm_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleet_alarm_event")),
    )
    op.create_index("ix_fleet_alarm_event_alarm_id", "fleet_alarm_event", ["alarm_id", "id"], unique=False)
    op.add_column("gateway", sa.Column("clock_ahead_s", sa.Double(), nullable=True))
    op.create_index("ix_access_token_gateway_id", "access_token", ["gateway_id"])
    op.execute(
        "CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON fleet_alarm_event "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_index("ix_access_token_gateway_id", table_name="access_token")
    op.drop_column("gateway", "clock_ahead_s")
    op.drop_index("ix_fleet_alarm_event_alarm_id", table_name="fleet_alarm_event")
    op.drop_table("fleet_alarm_event")
    op.drop_table("meter_reception")
    op.drop_table("gateway_state")
    op.drop_table("gateway_setting")
    op.drop_table("gateway_hour")
    op.drop_index(
        "uq_fleet_alarm_meter",
        table_name="fleet_alarm",
        postgresql_where=sa.text("state <> 'closed' AND meter_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_fleet_alarm_gateway",
        table_name="fleet_alarm",
        postgresql_where=sa.text("state <> 'closed' AND gateway_id IS NOT NULL"),
    )
    op.drop_index("ix_fleet_alarm_state", table_name="fleet_alarm")
    op.drop_table("fleet_alarm")
    op.drop_table("enrolment_code")
    op.drop_index("ix_coverage_day_meter_id_day", table_name="coverage_day")
    op.drop_index("ix_coverage_day_gateway_id_day", table_name="coverage_day")
    op.drop_table("coverage_day")
    op.drop_table("clock_shift")
    op.drop_table("channel_hour")
    op.drop_table("late_day")
    op.drop_table("coverage_measured")
