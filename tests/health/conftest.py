import pytest

from meterhub.app import create_app
from meterhub.settings import Settings
from tests.api.hub import MASTER_KEY, Hub

TOKEN = "monitoring-token"


@pytest.fixture
def hub(engine) -> Hub:
    return Hub(engine, create_app(engine, Settings(master_key=MASTER_KEY.hex(), metrics_token=TOKEN)))
