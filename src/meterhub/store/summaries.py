"""Block range indexes that take up new blocks as they fill.

Without it whoever looks for the newest rows by number goes through all blocks since the last vacuum.
"""

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

LOCK_TIMEOUT = "2s"
_LACKING = text(
    """
    SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
    WHERE n.nspname = 'store' AND a.amname = 'brin' AND c.relkind = 'i'
        AND NOT coalesce('autosummarize=on' = ANY(c.reloptions), false)
    ORDER BY 1
    """
)


def summarise_as_filled(engine: Engine) -> Iterator[str]:
    """Switch it on for the indexes of native partitions that lack it; yields each.

    An index that is in use all the time is left for the next upkeep.
    """
    with engine.connect() as connection:
        lacking = connection.execute(_LACKING).scalars().all()
    for name in lacking:
        with suppress(OperationalError), engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            connection.exec_driver_sql(f"ALTER INDEX {name} SET (autosummarize = on)")
            yield name
