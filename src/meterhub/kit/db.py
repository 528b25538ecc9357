"""PostgreSQL through SQLAlchemy Core: one engine a process, one transaction a request or job.

Tables are declared in the `tables.py` of the module that owns them, all on `metadata`; a test compares
them with what the migrations build.
"""

from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, MetaData, Row, create_engine
from sqlalchemy.engine import URL, make_url

# The columns of a row are known at run time only.
AnyRow = Row[Any]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def parse_url(url: str) -> URL:
    """Return a URL that uses psycopg 3, whatever driver (or none) the text names."""
    return make_url(url).set(drivername="postgresql+psycopg")


def make_engine(url: str, *, pool_size: int = 5, max_overflow: int = 10, prepares: bool = True) -> Engine:
    """Return an engine whose sessions work in UTC and give up on locks instead of hanging.

    Broken connections are noticed before use (the server may have been restarted). With `prepares` a statement
    that comes again and again keeps its plan; without, it is planned for its values and for tables as they are.
    """
    return create_engine(
        parse_url(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        hide_parameters=True,  # values of statements, which may be personal, do not belong into errors and logs
        connect_args={
            "options": "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=5min",
            "connect_timeout": 10,
            "application_name": "meterhub",
            "prepare_threshold": 5 if prepares else None,
        },
    )


def conninfo(engine: Engine) -> str:
    """Return the libpq connection string of an engine, for libraries that speak psycopg directly."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def driver_connection(connection: Connection) -> psycopg.Connection[Any]:
    """Return psycopg's own connection of the caller's transaction, for what SQLAlchemy has no words for (COPY)."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
