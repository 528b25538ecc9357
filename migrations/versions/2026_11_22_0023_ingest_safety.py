"""Meters to examine after their hours were derived, addresses of held frames, and no emptying of what is for ever.

Revision: 0023, after 0022. Names typed at failed logins are kept as keyed hashes from now on; those typed before
are forgotten.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

REFUSE_TRUNCATE = """
DO $$
DECLARE append_only regclass;
BEGIN
    FOR append_only IN
        SELECT DISTINCT t.tgrelid::regclass FROM pg_trigger t
        WHERE t.tgfoid = 'refuse_change'::regproc AND t.tgparentid = 0 AND NOT EXISTS (
            SELECT FROM pg_trigger other WHERE other.tgrelid = t.tgrelid AND other.tgfoid = t.tgfoid
                AND other.tgtype & 32 <> 0  -- TRUNCATE
        )
    LOOP
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', append_only);
    END LOOP;
END $$
"""
ALLOW_TRUNCATE = """
DO $$
DECLARE append_only regclass;
BEGIN
    FOR append_only IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'refuse_truncate' AND tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER refuse_truncate ON %s', append_only);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "hours_changed",
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["meter_id"], ["meter.id"], name=op.f("fk_hours_changed_meter_id")),
        sa.PrimaryKeyConstraint("meter_id", name=op.f("pk_hours_changed")),
    )
    op.add_column("quarantine", sa.Column("candidates", postgresql.ARRAY(sa.Text()), nullable=True))
    op.create_index(
        "ix_quarantine_candidates",
        "quarantine",
        ["candidates"],
        postgresql_using="gin",
        postgresql_where=sa.text("resolved_at IS NULL AND candidates IS NOT NULL"),
    )
    op.execute("DELETE FROM login_attempt")
    op.execute(REFUSE_TRUNCATE)


def downgrade() -> None:
    op.execute(ALLOW_TRUNCATE)
    op.drop_index("ix_quarantine_candidates", "quarantine")
    op.drop_column("quarantine", "candidates")
    op.drop_table("hours_changed")
