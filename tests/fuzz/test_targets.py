"""The fuzzer's targets on frames that are kept and on a few thousand changed copies of them."""

import random
from collections.abc import Callable

import pytest

from tests.fuzz.targets import TARGETS
from tests.wmbus.fixture_files import fixtures

FRAMES = [frame for fixture in fixtures() for frame in fixture.frames]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_target_holds_on_kept_and_changed_frames(target: Callable[[bytes], None]) -> None:
    target(b"")
    for frame in FRAMES:
        target(frame)
    chance = random.Random(7)
    for _ in range(300):
        changed = bytearray(chance.choice(FRAMES))
        for _ in range(chance.randint(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        target(bytes(changed))
        target(chance.randbytes(chance.randrange(120)))
