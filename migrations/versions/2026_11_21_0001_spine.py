"""The spine: registers, frames, reads, hourly volumes, prices, invoices, alerts, people, queue.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What is written once and never changed: a mistake is put right by a new row that names the old one.
NEVER_CHANGED = ("audit_event", "alert_event", "invoice", "invoice_line", "invoice_vat")
# These two may leave by retention, but what they say is never edited.
NEVER_EDITED = ("raw_frame", "register_read")

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed: add a row that corrects it', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""

DROP_QUEUE = """
DO $$
DECLARE item record;
BEGIN
    FOR item IN SELECT format('%I', relname) AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND starts_with(relname, 'procrastinate_')
    LOOP EXECUTE 'DROP TABLE ' || item.name || ' CASCADE'; END LOOP;
    FOR item IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'procrastinate_')
    LOOP EXECUTE 'DROP FUNCTION ' || item.name || ' CASCADE'; END LOOP;
    FOR item IN SELECT format('%I', typname) AS name FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND starts_with(typname, 'procrastinate_')
            AND typtype IN ('e', 'c')
    LOOP EXECUTE 'DROP TYPE ' || item.name || ' CASCADE'; END LOOP;
END
$$
"""


def upgrade() -> None:
    # scalars and ranges in one exclusion constraint: no two meters on one point at a time
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "app_user",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("username", name=op.f("uq_app_user_username")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_subject_at", "audit_event", ["subject", "at"], unique=False)
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="private", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), server_default="fi", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('private', 'company', 'housing_company')", name=op.f("ck_customer_kind")),
        sa.CheckConstraint("language IN ('fi', 'sv', 'nb', 'en')", name=op.f("ck_customer_language")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("customer_no", name=op.f("uq_customer_customer_no")),
    )
    op.create_table(
        "frame_format",
        sa.Column("signature", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("format", sa.LargeBinary(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_frame_format")),
    )
    op.create_table(
        "gateway",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("software", sa.Text(), nullable=True),
        sa.Column("spool_depth", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway")),
        sa.UniqueConstraint("name", name=op.f("uq_gateway_name")),
    )
    op.create_table(
        "login_attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_username_at", "login_attempt", ["username", "at"], unique=False)
    op.create_table(
        "meter",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("device_version", sa.SmallInteger(), nullable=True),
        sa.Column("device_type", sa.SmallInteger(), nullable=True),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("digits", sa.SmallInteger(), server_default=sa.text("5"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("digits BETWEEN 3 AND 9", name=op.f("ck_meter_digits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter")),
        sa.UniqueConstraint("manufacturer", "serial", name=op.f("uq_meter_manufacturer_serial")),
    )
    op.create_table(
        "number_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_number_series")),
    )
    op.create_table(
        "property",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("property_code", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_property")),
        sa.UniqueConstraint("property_code", name=op.f("uq_property_property_code")),
    )
    op.create_table(
        "tariff",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff")),
        sa.UniqueConstraint("code", name=op.f("uq_tariff_code")),
    )
    op.create_table(
        "vat_rate",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("country"), "="),
            (sa.column("code"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_vat_rate_valid",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vat_rate")),
    )
    op.create_table(
        "access_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("gateway_id", sa.Integer(), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_access_token_gateway_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_access_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_token_token_hash")),
    )
    op.create_table(
        "billing_run",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("billing_group", sa.Text(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("tariff_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accounts_total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("accounts_done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'finished', 'failed')", name=op.f("ck_billing_run_state")
        ),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_billing_run_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_run")),
        postgresql.ExcludeConstraint(
            (sa.column("billing_group"), "="),
            (sa.column("period"), "&&"),
            using="gist",
            name="ex_billing_run_period",
        ),
    )
    op.create_table(
        "gateway_day",
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_gateway_day_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "day", name=op.f("pk_gateway_day")),
    )
    op.create_table(
        "hourly_volume",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        sa.Column("derived_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_hourly_volume_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", "hour", name=op.f("pk_hourly_volume")),
    )
    op.create_index("ix_hourly_volume_hour", "hourly_volume", ["hour"], unique=False, postgresql_using="brin")
    op.create_table(
        "meter_key",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_meter_key_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_key")),
    )
    op.create_index("ix_meter_key_meter_id", "meter_key", ["meter_id", "id"], unique=False)
    op.create_table(
        "metering_point",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("point_code", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Integer(), nullable=False),
        sa.Column("services", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["property_id"], ["property.id"], name=op.f("fk_metering_point_property_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_point")),
        sa.UniqueConstraint("point_code", name=op.f("uq_metering_point_point_code")),
    )
    op.create_index("ix_metering_point_property_id", "metering_point", ["property_id"], unique=False)
    op.create_table(
        "raw_frame",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("fingerprint", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("rssi_dbm", sa.SmallInteger(), nullable=True),
        sa.Column("link_mode", sa.Text(), nullable=True),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_raw_frame_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raw_frame")),
    )
    op.create_index(
        "ix_raw_frame_fingerprint_received_at", "raw_frame", ["fingerprint", "received_at"], unique=False
    )
    op.create_index(
        "ix_raw_frame_received_at", "raw_frame", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "register_read",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("alarms", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("meter_at", sa.DateTime(), nullable=True),
        sa.Column("raw_frame_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "source IN ('amr', 'installation', 'removal', 'utility', 'customer')",
            name=op.f("ck_register_read_source"),
        ),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_register_read_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_read")),
    )
    op.create_index("ix_register_read_meter_id_at", "register_read", ["meter_id", "at"], unique=False)
    op.create_table(
        "rollup_due",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_rollup_due_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", name=op.f("pk_rollup_due")),
    )
    op.create_table(
        "tariff_version",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("tariff_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("net_price", sa.Numeric(), nullable=False),
        sa.Column("per", sa.Text(), server_default="year", nullable=False),
        sa.Column("vat_code", sa.Text(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("tariff_id"), "="),
            (sa.column("component"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_tariff_version_valid",
        ),
        sa.CheckConstraint("net_price >= 0", name=op.f("ck_tariff_version_net_price")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_tariff_version_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_version")),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("metering_point_id", sa.Integer(), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("onset_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rate_ml_h", sa.BigInteger(), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("severity IN ('low', 'medium', 'high')", name=op.f("ck_alert_severity")),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name=op.f("ck_alert_state")),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_alert_meter_id")),
        sa.ForeignKeyConstraint(
            ["metering_point_id"], ["metering_point.id"], name=op.f("fk_alert_metering_point_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_state", "alert", ["state", "id"], unique=False)
    op.create_index(
        "uq_alert_one_open",
        "alert",
        ["metering_point_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_table(
        "contract",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("contract_no", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("metering_point_id", sa.Integer(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("billing_group", sa.Text(), server_default="quarterly", nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("metering_point_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_contract_point",
        ),
        sa.CheckConstraint("billing_group IN ('monthly', 'quarterly')", name=op.f("ck_contract_billing_group")),
        sa.CheckConstraint("NOT isempty(valid)", name=op.f("ck_contract_valid")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contract_customer_id")),
        sa.ForeignKeyConstraint(
            ["metering_point_id"], ["metering_point.id"], name=op.f("fk_contract_metering_point_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint("contract_no", name=op.f("uq_contract_contract_no")),
    )
    op.create_index("ix_contract_customer_id", "contract", ["customer_id"], unique=False)
    op.create_table(
        "frame_heard",
        sa.Column("raw_frame_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rssi_dbm", sa.SmallInteger(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_frame_heard_gateway_id")),
        sa.ForeignKeyConstraint(
            ["raw_frame_id"], ["raw_frame.id"], name=op.f("fk_frame_heard_raw_frame_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("raw_frame_id", "gateway_id", name=op.f("pk_frame_heard")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("metering_point_id", sa.Integer(), nullable=False),
        sa.Column("valid", postgresql.TSTZRANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("meter_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_installation_meter",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("metering_point_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_installation_point",
        ),
        sa.CheckConstraint("NOT isempty(valid)", name=op.f("ck_installation_valid")),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_installation_meter_id")),
        sa.ForeignKeyConstraint(
            ["metering_point_id"], ["metering_point.id"], name=op.f("fk_installation_metering_point_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "quarantine",
        sa.Column("raw_frame_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("manufacturer", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["raw_frame_id"], ["raw_frame.id"], name=op.f("fk_quarantine_raw_frame_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("raw_frame_id", name=op.f("pk_quarantine")),
    )
    op.create_index(
        "ix_quarantine_meter",
        "quarantine",
        ["manufacturer", "serial"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "ix_quarantine_open",
        "quarantine",
        ["reason", "raw_frame_id"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "alert_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_event_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_event")),
    )
    op.create_index("ix_alert_event_alert_id", "alert_event", ["alert_id", "id"], unique=False)
    op.create_table(
        "billing_hold",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_billing_hold_contract_id")),
        sa.ForeignKeyConstraint(["run_id"], ["billing_run.id"], name=op.f("fk_billing_hold_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_hold")),
        sa.UniqueConstraint("run_id", "contract_id", name=op.f("uq_billing_hold_run_id_contract_id")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("vat", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("gross", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("type IN ('invoice', 'credit_note')", name=op.f("ck_invoice_type")),
        sa.CheckConstraint("gross = net + vat", name=op.f("ck_invoice_gross")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_invoice_contract_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_invoice_customer_id")),
        sa.ForeignKeyConstraint(["run_id"], ["billing_run.id"], name=op.f("fk_invoice_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("number", name=op.f("uq_invoice_number")),
        sa.UniqueConstraint("run_id", "contract_id", name=op.f("uq_invoice_run_id_contract_id")),
    )
    op.create_index("ix_invoice_contract_id", "invoice", ["contract_id", "id"], unique=False)
    op.create_index("ix_invoice_customer_id", "invoice", ["customer_id", "id"], unique=False)
    op.create_table(
        "invoice_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(), nullable=False),
        sa.Column("price_base_quantity", sa.Numeric(), nullable=False),
        sa.Column("net", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("vat_category", sa.Text(), nullable=False),
        sa.Column("vat_rate", sa.Numeric(), nullable=False),
        sa.Column("quality", sa.Text(), nullable=True),
        sa.Column("trace", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_line_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_line")),
        sa.UniqueConstraint("invoice_id", "position", name=op.f("uq_invoice_line_invoice_id_position")),
    )
    op.create_table(
        "invoice_vat",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(), nullable=False),
        sa.Column("base", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("vat", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_vat_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "category", "rate", name=op.f("pk_invoice_vat")),
    )
    op.create_table(
        "billing_run_contract",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("state", sa.Text(), server_default="todo", nullable=False),
        sa.CheckConstraint(
            "state IN ('todo', 'issued', 'held', 'nothing')", name=op.f("ck_billing_run_contract_state")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_billing_run_contract_contract_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["billing_run.id"], name=op.f("fk_billing_run_contract_run_id")),
        sa.PrimaryKeyConstraint("run_id", "contract_id", name=op.f("pk_billing_run_contract")),
    )
    op.create_index(
        "ix_billing_run_contract_todo",
        "billing_run_contract",
        ["run_id", "contract_id"],
        unique=False,
        postgresql_where=sa.text("state = 'todo'"),
    )
    op.execute(REFUSE_CHANGE)
    for table in NEVER_CHANGED:
        op.execute(
            f"CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in NEVER_EDITED:
        op.execute(
            f"CREATE TRIGGER never_edited BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    # the queue's own schema, from the library that works on it
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))


def downgrade() -> None:
    op.execute(DROP_QUEUE)
    op.drop_index(
        "ix_billing_run_contract_todo",
        table_name="billing_run_contract",
        postgresql_where=sa.text("state = 'todo'"),
    )
    op.drop_table("billing_run_contract")
    op.drop_table("invoice_vat")
    op.drop_table("invoice_line")
    op.drop_index("ix_invoice_customer_id", table_name="invoice")
    op.drop_index("ix_invoice_contract_id", table_name="invoice")
    op.drop_table("invoice")
    op.drop_table("billing_hold")
    op.drop_index("ix_alert_event_alert_id", table_name="alert_event")
    op.drop_table("alert_event")
    op.drop_index("ix_quarantine_open", table_name="quarantine", postgresql_where=sa.text("resolved_at IS NULL"))
    op.drop_index("ix_quarantine_meter", table_name="quarantine", postgresql_where=sa.text("resolved_at IS NULL"))
    op.drop_table("quarantine")
    op.drop_table("installation")
    op.drop_table("frame_heard")
    op.drop_index("ix_contract_customer_id", table_name="contract")
    op.drop_table("contract")
    op.drop_index("uq_alert_one_open", table_name="alert", postgresql_where=sa.text("state <> 'closed'"))
    op.drop_index("ix_alert_state", table_name="alert")
    op.drop_table("alert")
    op.drop_table("tariff_version")
    op.drop_table("rollup_due")
    op.drop_index("ix_register_read_meter_id_at", table_name="register_read")
    op.drop_table("register_read")
    op.drop_index("ix_raw_frame_received_at", table_name="raw_frame", postgresql_using="brin")
    op.drop_index("ix_raw_frame_fingerprint_received_at", table_name="raw_frame")
    op.drop_table("raw_frame")
    op.drop_index("ix_metering_point_property_id", table_name="metering_point")
    op.drop_table("metering_point")
    op.drop_index("ix_meter_key_meter_id", table_name="meter_key")
    op.drop_table("meter_key")
    op.drop_index("ix_hourly_volume_hour", table_name="hourly_volume", postgresql_using="brin")
    op.drop_table("hourly_volume")
    op.drop_table("gateway_day")
    op.drop_table("billing_run")
    op.drop_table("access_token")
    op.drop_table("vat_rate")
    op.drop_table("tariff")
    op.drop_table("property")
    op.drop_table("number_series")
    op.drop_table("meter")
    op.drop_index("ix_login_attempt_username_at", table_name="login_attempt")
    op.drop_table("login_attempt")
    op.drop_table("gateway")
    op.drop_table("frame_format")
    op.drop_table("customer")
    op.drop_index("ix_audit_event_subject_at", table_name="audit_event")
    op.drop_table("audit_event")
    op.drop_table("app_user")
    op.execute("DROP FUNCTION refuse_change() CASCADE")
