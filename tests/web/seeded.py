"""One seeded database a worker process, copied for each test that wants it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count

import psycopg
from sqlalchemy import Engine

from meterhub import schema
from meterhub.kit.db import make_engine
from tests.web.town import SeededTown, seed

_numbers = count(1)


@lru_cache(maxsize=1)
def _template(postgres) -> SeededTown:
    engine = make_engine(postgres.create_database("template_seeded_town"))
    schema.upgrade(engine)
    town = seed(engine)
    engine.dispose()
    return town


@contextmanager
def seeded_town(postgres) -> Iterator[tuple[Engine, SeededTown]]:
    """A database of this test alone, with the town in it."""
    town = _template(postgres)
    name = f"town_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template_seeded_town')
        engine = make_engine(postgres.url(name))
        yield engine, town
        engine.dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
