"""What gateway tests share."""

from collections.abc import Iterator

import pytest

from tests.gateway.local_hub import LocalHub


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub
