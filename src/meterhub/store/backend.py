"""Which of the two forms the store has in this database; the migration chose it once."""

from sqlalchemy import Connection, text


def uses_timescale(connection: Connection) -> bool:
    """Tell whether the large tables are hypertables of TimescaleDB instead of native partitions."""
    query = text("SELECT relkind = 'r' FROM pg_class WHERE oid = 'raw_frame'::regclass")
    return connection.execute(query).scalar_one() is True
