"""The store in both its forms: every test that asks for `store` runs on plain PostgreSQL and on TimescaleDB."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from meterhub.store.backend import uses_timescale
from tests.store.timescale import NoTimescale, timescale_server

KEPT = (
    "raw_frame, frame_heard, register_read, read_edit, hour_edit, gap_estimate, quarantine, rollup_due, meter, "
    "gateway"
)


def empty(engine: Engine) -> None:
    """Take all rows out that tests of the store put in."""
    with engine.begin() as connection:
        hours = "hourly_volume" if uses_timescale(connection) else "hourly_day"
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # else refused: append-only
        connection.execute(text(f"TRUNCATE {KEPT}, {hours} RESTART IDENTITY CASCADE"))


@pytest.fixture(scope="session")
def timescale() -> Iterator[Engine]:
    """A migrated database on TimescaleDB; one for all tests, because it has only one."""
    from meterhub import schema
    from meterhub.kit.db import make_engine

    with ExitStack() as stack:
        try:
            url = stack.enter_context(timescale_server())
        except NoTimescale as why:
            pytest.skip(str(why))
        engine = make_engine(url, pool_size=1, max_overflow=0)
        stack.callback(engine.dispose)
        schema.upgrade(engine)
        yield engine


@pytest.fixture(params=["postgresql", pytest.param("timescaledb", marks=pytest.mark.xdist_group("timescaledb"))])
def store(request: pytest.FixtureRequest) -> Engine:
    """An engine on an empty migrated database."""
    if request.param == "postgresql":
        return request.getfixturevalue("engine")
    engine = request.getfixturevalue("timescale")
    empty(engine)
    return engine
