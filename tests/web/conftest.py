import pytest

from tests.web.seeded import seeded_town
from tests.web.site import Site
from tests.web.town import add_users, settings


@pytest.fixture
def site(postgres):
    """The pages on a seeded town."""
    with seeded_town(postgres) as (engine, town):
        yield Site(engine, town)


@pytest.fixture
def empty_site(engine) -> Site:
    """The pages on a database with people and nothing else."""
    add_users(engine)
    return Site(engine, None, settings())
