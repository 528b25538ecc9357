import pytest

from tests.web.site import Site
from tests.web.town import add_users, seed, settings


@pytest.fixture
def site(engine) -> Site:
    """The pages on a seeded town."""
    return Site(engine, seed(engine))


@pytest.fixture
def empty_site(engine) -> Site:
    """The pages on a database with people and nothing else."""
    add_users(engine)
    return Site(engine, None, settings())
