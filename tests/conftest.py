"""What tests share: a real PostgreSQL, one server a worker process, a fresh database a test."""

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import Engine

settings.register_profile("dev", deadline=None, max_examples=100)
settings.register_profile("long", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

SHARED = Path(__file__).parents[2] / "shared"
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator["object"]:
    """A server with a migrated database `template`, copied for each test that wants one."""
    from meterhub import schema
    from meterhub.kit.db import make_engine
    from meterhub.kit.embedded import EmbeddedPostgres

    with tempfile.TemporaryDirectory(prefix="mh-test-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "pg", durable=False) as server:
            engine = make_engine(server.create_database("template_meterhub"))
            schema.upgrade(engine)
            engine.dispose()
            yield server


@pytest.fixture
def database_url(postgres) -> Iterator[str]:
    """The URL of a migrated, empty database of this test alone."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template_meterhub')
        yield postgres.url(name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on this test's own database."""
    from meterhub.kit.db import make_engine

    result = make_engine(database_url)
    yield result
    result.dispose()


@pytest.fixture(autouse=True)
def settings_of_this_test() -> Iterator[None]:
    """Settings are read once a process: each test begins and ends with none."""
    from meterhub.settings import get_settings

    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
