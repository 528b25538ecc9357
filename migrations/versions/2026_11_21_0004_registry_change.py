"""A trace of every change of meters and keys, by which ingest knows that what it remembers is old.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_change")),
    )
    op.execute(
        "CREATE FUNCTION note_registry_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO registry_change DEFAULT VALUES; RETURN NULL; END $$"
    )
    for table in ("meter", "meter_key"):
        op.execute(
            f"CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change()"
        )


def downgrade() -> None:
    op.execute("DROP FUNCTION note_registry_change() CASCADE")
    op.drop_table("registry_change")
