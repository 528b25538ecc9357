"""Which meters a change of meters or keys was about, so that ingest forgets no others; cheaper raw frames.

Revision: 0015, after 0014. The foreign key of raw frames on their gateway cost a seventh of storing them. The
batch's own token names the gateway, and its row is locked and changed in the same transaction.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A statement that changes more meters than this is noted as one that changed everything.
MOST_NAMED = 1000

NOTE = """
CREATE FUNCTION note_{table}_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE names text[];
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM changed LIMIT {most} + 1) AS few) <= {most} THEN
        SELECT coalesce(array_agg(m.manufacturer || m.serial), '{{}}') INTO names FROM {source};
    END IF;
    INSERT INTO registry_change (meters) VALUES (names);
    RETURN NULL;
END $$
"""
SOURCES = {"meter": "changed AS m", "meter_key": "changed AS k JOIN meter AS m ON m.id = k.meter_id"}
TRIGGERS = (
    ("inserted", "INSERT", "NEW"),
    ("updated_to", "UPDATE", "NEW"),
    ("updated_from", "UPDATE", "OLD"),
    ("deleted", "DELETE", "OLD"),
)


def upgrade() -> None:
    op.drop_constraint("fk_raw_frame_gateway_id", "raw_frame", type_="foreignkey")
    op.execute("DROP TRIGGER note_change ON meter")
    op.execute("DROP TRIGGER note_change ON meter_key")
    op.execute("TRUNCATE registry_change")  # what processes remember ends with them, and they end with an upgrade
    op.add_column("registry_change", sa.Column("meters", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column(
        "registry_change",
        sa.Column(
            "xid",
            sa.BigInteger(),
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
            nullable=False,
        ),
    )
    op.add_column(
        "registry_change",
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("ix_registry_change_xid", "registry_change", ["xid"])
    for table, source in SOURCES.items():
        op.execute(NOTE.format(table=table, source=source, most=MOST_NAMED))
        for name, event, rows in TRIGGERS:
            op.execute(
                f"CREATE TRIGGER note_{name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed "
                f"FOR EACH STATEMENT EXECUTE FUNCTION note_{table}_change()"
            )
        op.execute(
            f"CREATE TRIGGER note_emptied AFTER TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change()"
        )


def downgrade() -> None:
    for table in SOURCES:
        for name, _, _ in TRIGGERS:
            op.execute(f"DROP TRIGGER note_{name} ON {table}")
        op.execute(f"DROP TRIGGER note_emptied ON {table}")
        op.execute(f"DROP FUNCTION note_{table}_change()")
        op.execute(
            f"CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change()"
        )
    op.drop_index("ix_registry_change_xid", "registry_change")
    for column in ("at", "xid", "meters"):
        op.drop_column("registry_change", column)
    op.create_foreign_key("fk_raw_frame_gateway_id", "raw_frame", "gateway", ["gateway_id"], ["id"])
