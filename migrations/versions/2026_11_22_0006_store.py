"""Frames, receptions and reads kept by time: monthly partitions, or hypertables where TimescaleDB is.

Revision: 0006, after 0005. TimescaleDB is used if its extension is installed in this database, or if the server
offers it and has loaded it; the choice is made here, once.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# table: the column by which it is kept, and the days of one chunk of a hypertable
KEPT_BY_TIME = {"raw_frame": ("received_at", 7), "frame_heard": ("received_at", 7), "register_read": ("at", 30)}
NEVER_EDITED = ("raw_frame", "register_read")
MONTHS_AHEAD = 2


def timescale() -> bool:
    """Tell whether TimescaleDB can be used here, and make it ready; the Apache edition lacks compression."""
    connection = op.get_bind()
    installed = connection.scalar(
        sa.text(
            "SELECT installed_version IS NOT NULL OR 'timescaledb' = ANY(string_to_array("
            "replace(current_setting('shared_preload_libraries'), ' ', ''), ',')) "
            "FROM pg_available_extensions WHERE name = 'timescaledb'"
        )
    )
    if not installed:
        return False
    op.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return connection.scalar(sa.text("SELECT current_setting('timescaledb.license', true)")) == "timescale"


def set_aside(tables: tuple[str, ...]) -> None:
    """Move tables with their indexes out of the way, so that new ones can take their names."""
    op.execute("CREATE SCHEMA aside")
    for table in tables:
        op.execute(f"ALTER TABLE {table} SET SCHEMA aside")


def copy_back(table: str, columns: str, *, numbered: bool) -> None:
    """Copy the rows that were set aside; numbers go on where they were."""
    overriding = "OVERRIDING SYSTEM VALUE" if numbered else ""
    op.execute(f"INSERT INTO {table} ({columns}) {overriding} SELECT {columns} FROM aside.{table}")
    if numbered:
        op.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
            f"(SELECT last_value FROM pg_sequences WHERE schemaname = 'aside' AND sequencename = '{table}_id_seq') "
            f") FROM {table} LIMIT 1"
        )


def month_start(month: int) -> datetime:
    """Return the first instant of a month counted from year 0 (UTC)."""
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def partition(table: str) -> None:
    """Make the partition for everything else, and those of this and the next months."""
    op.execute(f"CREATE TABLE store.{table}_default PARTITION OF {table} DEFAULT")
    now = datetime.now(UTC)
    this_month = now.year * 12 + now.month - 1
    for month in range(this_month, this_month + MONTHS_AHEAD + 1):
        start, end = month_start(month), month_start(month + 1)
        op.execute(
            f"CREATE TABLE store.{table}_{start:%Y_%m} PARTITION OF {table} "
            f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        )


RAW_FRAME = "id, fingerprint, received_at, gateway_id, rssi_dbm, link_mode, frame, ingested_at"
FRAME_HEARD = "raw_frame_id, gateway_id, received_at, rssi_dbm"
REGISTER_READ = "id, meter_id, at, volume_ml, source, alarms, meter_at, raw_frame_id"


def upgrade() -> None:
    hypertables = timescale()
    op.drop_constraint("fk_quarantine_raw_frame_id", "quarantine", type_="foreignkey")
    set_aside(tuple(KEPT_BY_TIME))
    op.execute("CREATE SCHEMA store")

    def by_time(table: str) -> dict[str, str]:
        return {} if hypertables else {"postgresql_partition_by": f"RANGE ({KEPT_BY_TIME[table][0]})"}

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
        sa.PrimaryKeyConstraint("id", "received_at", name=op.f("pk_raw_frame")),
        **by_time("raw_frame"),
    )
    op.create_index("ix_raw_frame_fingerprint_received_at", "raw_frame", ["fingerprint", "received_at"])
    op.create_index("ix_raw_frame_received_at", "raw_frame", ["received_at"], postgresql_using="brin")
    op.create_table(
        "frame_heard",
        sa.Column("raw_frame_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rssi_dbm", sa.SmallInteger(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_frame_heard_gateway_id")),
        sa.PrimaryKeyConstraint("raw_frame_id", "gateway_id", "received_at", name=op.f("pk_frame_heard")),
        **by_time("frame_heard"),
    )
    op.create_table(
        "register_read",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
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
        sa.PrimaryKeyConstraint("meter_id", "at", "id", name=op.f("pk_register_read")),
        **by_time("register_read"),
    )
    op.create_index("ix_register_read_id", "register_read", ["id"], postgresql_using="brin")
    for table, (column, days) in KEPT_BY_TIME.items():
        if hypertables:
            op.execute(
                f"SELECT create_hypertable('{table}', by_range('{column}', INTERVAL '{days} days'), "
                "create_default_indexes => false)"
            )
        else:
            partition(table)
    fill_and_guard()


def fill_and_guard() -> None:
    """Copy the rows into the new tables, then refuse edits again."""
    copy_back("raw_frame", RAW_FRAME, numbered=True)
    copy_back("frame_heard", FRAME_HEARD, numbered=False)
    copy_back("register_read", REGISTER_READ, numbered=True)
    for table in NEVER_EDITED:
        op.execute(
            f"CREATE TRIGGER never_edited BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute("DROP SCHEMA aside CASCADE")


def downgrade() -> None:
    set_aside(tuple(KEPT_BY_TIME))
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
    op.create_index("ix_raw_frame_fingerprint_received_at", "raw_frame", ["fingerprint", "received_at"])
    op.create_index("ix_raw_frame_received_at", "raw_frame", ["received_at"], postgresql_using="brin")
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
    op.create_index("ix_register_read_meter_id_at", "register_read", ["meter_id", "at"])
    fill_and_guard()
    op.create_foreign_key(
        op.f("fk_quarantine_raw_frame_id"), "quarantine", "raw_frame", ["raw_frame_id"], ["id"], ondelete="CASCADE"
    )
    op.execute("DROP SCHEMA store CASCADE")
