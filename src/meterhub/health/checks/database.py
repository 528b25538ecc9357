"""The server: a version that is supported, what it needs, and that it does not lose what it has confirmed."""

from collections.abc import Iterator

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok, warn
from meterhub.store.backend import uses_timescale

OLDEST, NEWEST = 15, 18
_SERVER = text(
    """
    SELECT current_setting('server_version_num')::int / 10000 AS major,
           current_setting('server_version') AS version,
           pg_encoding_to_char(encoding) AS encoding, current_setting('fsync') = 'on' AS fsync,
           current_setting('full_page_writes') = 'on' AS whole_pages,
           current_setting('synchronous_commit') <> 'off' AS synchronous
    FROM pg_database WHERE datname = current_database()
    """
)
_EXTENSIONS = text(
    "SELECT name, installed_version, default_version FROM pg_available_extensions "
    "WHERE name IN ('btree_gist', 'timescaledb')"
)


def check(patient: Patient) -> Iterator[Finding]:
    """Look at version, encoding, durability and extensions."""
    server = patient.connection.execute(_SERVER).one()
    if OLDEST <= server.major <= NEWEST:
        yield ok(f"PostgreSQL {server.version}")
    else:
        yield fail(f"PostgreSQL {server.version}", f"Move to a version from {OLDEST} to {NEWEST}.")
    if server.encoding != "UTF8":
        yield fail(f"the database's encoding is {server.encoding}", "Make it anew with ENCODING 'UTF8'.")
    if patient.settings.mode == "production":
        yield from _durability(server.fsync, server.whole_pages, server.synchronous)
    extensions = {row.name: row for row in patient.connection.execute(_EXTENSIONS)}
    timescale = extensions.get("timescaledb")
    if uses_timescale(patient.connection):
        version = timescale.installed_version if timescale else "of unknown version"
        yield ok(f"the store is on TimescaleDB {version}")
    elif timescale is not None and timescale.installed_version:
        yield warn(
            f"TimescaleDB {timescale.installed_version} is installed, but the store is on native partitions",
            "Fine as it is; to move, dump the data into a database that was migrated with TimescaleDB.",
        )
    else:
        yield ok("the store is on native partitions")


def _durability(fsync: bool, whole_pages: bool, synchronous: bool) -> Iterator[Finding]:
    for name, is_on in (
        ("fsync", fsync),
        ("full_page_writes", whole_pages),
        ("synchronous_commit", synchronous),
    ):
        if not is_on:
            yield fail(f"{name} is off: what is acknowledged can be lost", f"Set {name} = on.")
