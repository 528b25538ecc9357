"""Lines of documents issued before lines named their point get the one of their snapshot.

Revision: 0029, after 0028. Without it they would not compute to themselves, and estimates among them could not be
given back. Taken back, the points stay: the column is older than this migration.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

NAME_POINTS = """
UPDATE invoice_line l SET point = i.snapshot #>> '{point,point_code}'
FROM invoice i
WHERE i.id = l.invoice_id AND l.point IS NULL AND l.unit = 'MTQ' AND i.kind = 'consumption'
    AND i.credits_id IS NULL AND i.snapshot ->> 'schema' = '1'
"""


def upgrade() -> None:
    op.execute("ALTER TABLE invoice_line DISABLE TRIGGER never_changed")
    op.execute(NAME_POINTS)
    # what waits for the end of the transaction would keep the table from being altered again
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    op.execute("ALTER TABLE invoice_line ENABLE TRIGGER never_changed")


def downgrade() -> None:
    pass
