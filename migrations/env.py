"""Run by Alembic: migrate the database whose engine the caller put into the configuration."""

from alembic import context
from sqlalchemy import Connection, text

from meterhub.schema import metadata

# One migration at a time, whoever starts it: two hubs that come up together must not both migrate.
MIGRATION_LOCK = 4_102_444_800


def not_ours(name: str | None, kind: str) -> bool:
    """Tell whether an object belongs to a library that keeps its own tables beside ours."""
    return kind == "table" and (name or "").startswith("procrastinate_")


def run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=lambda _object, name, kind, _reflected, _compare: not not_ours(name, kind),
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()


with context.config.attributes["engine"].connect() as _connection:
    run(_connection)
