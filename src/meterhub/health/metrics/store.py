"""The large tables: months ahead, what is past its retention, and sizes."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.settings import Settings
from meterhub.store.backend import uses_timescale
from meterhub.store.months import months_ahead, rows_caught
from meterhub.store.parts import PARTITIONED
from meterhub.store.retention import overdue

FAMILIES = (
    Family("meterhub_partitions_ahead", "Months made ahead, of the table that has fewest; absent on TimescaleDB."),
    Family("meterhub_partition_rows_caught", "Rows whose month has no partition yet (estimate).", ("table",)),
    Family("meterhub_retention_lag_seconds", "How long the oldest data is past its retention; 0 if none is."),
    Family("meterhub_table_bytes", "Size with indexes of the large tables and of all others.", ("table",)),
)

_SIZES = text(
    """
    SELECT coalesce(kept.name, 'other') AS name, sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class c
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    LEFT JOIN unnest(CAST(:kept AS text[])) AS kept (name) ON to_regclass(kept.name) IN (c.oid, i.inhparent)
    WHERE c.relkind = 'r' AND NOT c.relisshared GROUP BY 1
    """
)


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:
    """Yield months ahead, lag and sizes."""
    if not uses_timescale(connection):
        yield Sample("meterhub_partitions_ahead", months_ahead(connection, now))
        for table, rows in rows_caught(connection).items():
            yield Sample("meterhub_partition_rows_caught", rows, (table,))
    late = overdue(connection, settings.retention, now)
    yield Sample(
        "meterhub_retention_lag_seconds", max((one.total_seconds() for one in late.values()), default=0.0)
    )
    for row in connection.execute(_SIZES, {"kept": [one.table for one in PARTITIONED] + ["hourly_volume"]}):
        yield Sample("meterhub_table_bytes", row.bytes, (row.name,))
