"""What commands share: the database they work on, and how they say what went wrong.

`DATABASE_URL` names the server. Without it a development machine gets an embedded one, which the first
command starts and later ones join; in production that is refused.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import typer
from psycopg.errors import UndefinedTable
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from meterhub.errors import MeterhubError
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_dir
from meterhub.settings import Settings, get_settings

FAILED = 2
SOCKET_LINE = 4  # of postmaster.pid: PID, data folder, start, port, socket folder, ...


@contextmanager
def open_engine() -> Iterator[Engine]:
    """Give an engine on this installation's database; what goes wrong inside is told in a line."""
    with reporting_errors(), _database_url(get_settings()) as url:
        engine = make_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def reporting_errors() -> Iterator[None]:
    """End the command with one clear line and exit code 2 where a person can do something about it."""
    try:
        yield
    except MeterhubError as error:
        _fail(error.detail, error.fields)
    except EmbeddedPostgresError as error:
        _fail(str(error))
    except ValidationError as error:
        _fail("settings: " + "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in error.errors()))
    except OperationalError as error:
        _fail(f"the database does not answer: {str(error.orig).strip().splitlines()[0]}")
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable):
            raise
        _fail("the database has no tables yet, or old ones: run `meterhub migrate`")


@contextmanager
def _database_url(settings: Settings) -> Iterator[str]:
    if settings.database_url is not None or settings.mode == "production":
        yield settings.require_database_url()
        return
    folder = settings.data_dir / "postgres" if settings.data_dir else default_data_dir()
    running = _running_server(folder)
    if running is not None:
        yield running
        return
    try:
        server = EmbeddedPostgres(folder)
        server.start()
    except EmbeddedPostgresError:
        running = _running_server(folder)  # another command was quicker
        if running is None:
            raise
        yield running
        return
    try:
        yield server.create_database()
    finally:
        server.stop()


def _running_server(folder: Path) -> str | None:
    """Return the URL of the database on an embedded server that another command runs; None without one."""
    try:
        sockets = (folder / "postmaster.pid").read_text().splitlines()[SOCKET_LINE]
    except (OSError, IndexError):
        return None
    url = f"postgresql://postgres@/meterhub?host={sockets}"
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return None
    return url


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))


def _fail(message: str, fields: dict[str, str] | None = None) -> None:
    typer.echo(f"meterhub: {message}", err=True)
    for field, fault in (fields or {}).items():
        typer.echo(f"  {field}: {fault}", err=True)
    sys.exit(FAILED)
