import pytest

from tests.billing.service.town import Town


@pytest.fixture
def town(engine) -> Town:
    return Town(engine)
