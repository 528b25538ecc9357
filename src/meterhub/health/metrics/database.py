"""The database server: connections, size, clock."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.kit.clock import utc_now
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_database_connections", "Connections to this database, by what they do.", ("state",)),
    Family("meterhub_database_connections_limit", "How many connections the server takes in all."),
    Family("meterhub_database_bytes", "Size of this database."),
    Family("meterhub_database_clock_ahead_seconds", "How far the database's clock is ahead of this hub's."),
)

_CONNECTIONS = text(
    """
    SELECT CASE WHEN state = 'active' THEN 'active' WHEN state LIKE 'idle in%' THEN 'in-transaction'
                ELSE 'idle' END AS state, count(*) AS connections
    FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
    """
)
_SERVER = text(
    "SELECT current_setting('max_connections')::int AS connections, "
    "pg_database_size(current_database()) AS bytes, clock_timestamp() AS at"
)


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield what the server tells about itself."""
    found = {row.state: row.connections for row in connection.execute(_CONNECTIONS)}
    for state in ("active", "in-transaction", "idle"):
        yield Sample("meterhub_database_connections", found.get(state, 0), (state,))
    asked = utc_now()
    server = connection.execute(_SERVER).one()
    middle = asked + (utc_now() - asked) / 2
    yield Sample("meterhub_database_connections_limit", server.connections)
    yield Sample("meterhub_database_bytes", server.bytes)
    yield Sample("meterhub_database_clock_ahead_seconds", (server.at - middle).total_seconds())
