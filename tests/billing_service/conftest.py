import pytest

from tests.billing_service.town import Town


@pytest.fixture
def town(engine) -> Town:
    return Town(engine)
