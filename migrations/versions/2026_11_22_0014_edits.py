"""Edits of reads and hours, estimates of gaps, and hours of an exchange that both meters share.

Revision: 0014, after 0013. All hours around exchanges are derived anew by the next roll-up.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NEVER_EDITED = ("read_edit", "hour_edit")

# An edit that is undone leaves the read it set aside, and sets aside the one that corrected it.
READ_SET_ASIDE = """
CREATE VIEW read_set_aside AS
SELECT e.meter_id, CASE WHEN u.id IS NULL THEN e.read_id ELSE e.replaced_by END AS read_id, e.id AS edit_id
FROM read_edit e LEFT JOIN read_edit u ON u.undoes = e.id
WHERE e.undoes IS NULL AND (u.id IS NULL OR e.replaced_by IS NOT NULL)
"""
COUNTED_READ = """
CREATE VIEW counted_read AS
SELECT r.* FROM register_read r
WHERE NOT EXISTS (SELECT FROM read_set_aside a WHERE a.meter_id = r.meter_id AND a.read_id = r.id)
"""
HOUR_EDITED = """
CREATE VIEW hour_edited AS
SELECT DISTINCT ON (e.meter_id, e.first_at + (h.number - 1) * interval '1 hour')
       e.meter_id, e.first_at + (h.number - 1) * interval '1 hour' AS hour, h.volume_ml, h.original_ml,
       h.original_quality, e.id AS edit_id
FROM hour_edit e
CROSS JOIN LATERAL unnest(e.volumes_ml, e.originals_ml, e.original_qualities) WITH ORDINALITY
    AS h (volume_ml, original_ml, original_quality, number)
WHERE e.undoes IS NULL AND NOT EXISTS (SELECT FROM hour_edit u WHERE u.undoes = e.id)
ORDER BY e.meter_id, e.first_at + (h.number - 1) * interval '1 hour', e.id DESC
"""
# Hours around exchanges were derived as if there had been none.
DERIVE_EXCHANGES_AGAIN = """
INSERT INTO rollup_due (meter_id, from_at, until_at, vanishing)
SELECT meter_id, min(at), max(at), true FROM register_read WHERE source IN ('installation', 'removal')
GROUP BY meter_id
ON CONFLICT (meter_id) DO UPDATE
    SET from_at = least(rollup_due.from_at, excluded.from_at),
        until_at = greatest(rollup_due.until_at, excluded.until_at), vanishing = true
"""


def upgrade() -> None:
    op.create_index(
        "ix_register_read_exchange",
        "register_read",
        ["meter_id", "at"],
        postgresql_where=sa.text("source IN ('installation', 'removal')"),
    )
    op.add_column(
        "rollup_due", sa.Column("vanishing", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_table(
        "read_edit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("read_id", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.BigInteger(), nullable=True),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_read_edit_meter_id")),
        sa.ForeignKeyConstraint(["undoes"], ["read_edit.id"], name=op.f("fk_read_edit_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_read_edit")),
        sa.UniqueConstraint("undoes", name=op.f("uq_read_edit_undoes")),
    )
    op.create_index("ix_read_edit_meter_id_read_id", "read_edit", ["meter_id", "read_id"])
    op.create_table(
        "hour_edit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volumes_ml", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("originals_ml", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("original_qualities", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_hour_edit_meter_id")),
        sa.ForeignKeyConstraint(["undoes"], ["hour_edit.id"], name=op.f("fk_hour_edit_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hour_edit")),
        sa.UniqueConstraint("undoes", name=op.f("uq_hour_edit_undoes")),
    )
    op.create_index("ix_hour_edit_meter_id", "hour_edit", ["meter_id", "id"])
    op.create_table(
        "gap_estimate",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before_ml", sa.BigInteger(), nullable=False),
        sa.Column("after_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("after_ml", sa.BigInteger(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registers_ml", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_gap_estimate_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", "before_at", name=op.f("pk_gap_estimate")),
    )
    for table in NEVER_EDITED:
        op.execute(
            f"CREATE TRIGGER never_edited BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for statement in (READ_SET_ASIDE, COUNTED_READ, HOUR_EDITED, DERIVE_EXCHANGES_AGAIN):
        op.execute(statement)


def downgrade() -> None:
    for view in ("hour_edited", "counted_read", "read_set_aside"):
        op.execute(f"DROP VIEW {view}")
    for table in ("gap_estimate", "hour_edit", "read_edit"):
        op.drop_table(table)
    op.drop_column("rollup_due", "vanishing")
    op.drop_index("ix_register_read_exchange", "register_read")
