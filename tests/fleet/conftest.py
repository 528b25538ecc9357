from datetime import UTC, datetime, timedelta

import pytest

from meterhub.app import create_app
from meterhub.settings import Settings
from tests.api.hub import MASTER_KEY, Hub


class Hands:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def hub(engine, clock) -> Hub:
    return Hub(engine, create_app(engine, Settings(master_key=MASTER_KEY.hex()), clock=clock))
