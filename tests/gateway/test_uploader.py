"""The uploader's order and patience, against a hub that answers as told."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.gateway.spool import HeardTelegram, Spool
from meterhub.gateway.uplink import Deferred, Delivered, Obstacle, Rejection
from meterhub.gateway.uploader import BACKOFF_LIMIT_S, HEARTBEAT_S, POLL_S, REFUSED_PAUSE_S, Uploader
from tests.gateway.telegrams import some_telegrams

OK = Delivered(accepted=0, duplicates=0, quarantined=0, rejected=[])
DOWN = Deferred(Obstacle.UNREACHABLE, "HTTP 500")
REFUSED = Deferred(Obstacle.REFUSED, "HTTP 401")


class ScriptedHub:
    """Answers from a list, then with yes; remembers what it acknowledged."""

    def __init__(self, *outcomes: Delivered | Deferred, largest: int = 1_000_000) -> None:
        self.outcomes = list(outcomes)
        self.largest = largest
        self.sizes: list[int] = []
        self.taken: list[HeardTelegram] = []

    def rest_s(self) -> float:
        return 0.0

    def send(self, telegrams: tuple[HeardTelegram, ...], spool_depth: int) -> Delivered | Deferred:
        self.sizes.append(len(telegrams))
        if len(telegrams) > self.largest:
            return Deferred(Obstacle.TOO_LARGE, "HTTP 413")
        outcome = self.outcomes.pop(0) if self.outcomes else OK
        if isinstance(outcome, Delivered):
            self.taken += telegrams
        return outcome


def test_full_batches_follow_each_other_without_a_pause(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 25))
    hub = ScriptedHub()
    uploader = Uploader(spool, hub, 10)
    assert [uploader.step() for _ in range(4)] == [0.0, 0.0, POLL_S, POLL_S]
    assert hub.sizes == [10, 10, 5]
    assert hub.taken == some_telegrams(0, 25)
    assert (uploader.delivered, spool.depth) == (25, 0)
    spool.close()


def test_pauses_double_up_to_a_limit_and_start_again_after_success(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 1))
    uploader = Uploader(spool, ScriptedHub(*[DOWN] * 10, OK, DOWN), 10, jitter=lambda: 1.0)
    assert [uploader.step() for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, *[BACKOFF_LIMIT_S] * 3]
    assert uploader.step() == POLL_S
    spool.append(some_telegrams(1, 1))
    assert uploader.step() == 1
    spool.close()


def test_pauses_are_spread_so_that_gateways_do_not_come_back_together(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 1))
    values = iter([0.0, 0.5])
    uploader = Uploader(spool, ScriptedHub(DOWN, DOWN), 10, jitter=lambda: next(values))
    assert [uploader.step(), uploader.step()] == [0.5, 1.5]
    spool.close()


def test_a_refusal_is_loud_and_waits_long(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 1))
    uploader = Uploader(spool, ScriptedHub(REFUSED), 10, jitter=lambda: 1.0)
    assert uploader.step() == REFUSED_PAUSE_S
    assert "HUB REFUSES TELEGRAMS, a person must act" in caplog.text
    assert spool.depth == 1
    spool.close()


def test_the_hubs_own_wish_for_a_pause_is_respected(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 1))
    slow_down = Deferred(Obstacle.UNREACHABLE, "HTTP 429", retry_after_s=77.0)
    assert Uploader(spool, ScriptedHub(slow_down), 10).step() == 77.0
    spool.close()


def test_batches_shrink_until_the_hub_takes_them_and_stay_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 100))
    hub = ScriptedHub(largest=30)
    uploader = Uploader(spool, hub, 100)
    for _ in range(7):
        uploader.step()
    assert hub.sizes == [100, 50, 25, 25, 25, 25]
    assert hub.taken == some_telegrams(0, 100)
    spool.close()


def test_a_single_telegram_that_is_too_large_stays_and_is_loud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 1))
    assert Uploader(spool, ScriptedHub(largest=0), 10, jitter=lambda: 1.0).step() == REFUSED_PAUSE_S
    assert spool.depth == 1
    assert "HUB REFUSES" in caplog.text
    spool.close()


def test_rejected_telegrams_are_logged_without_content_and_kept_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 3))
    rejections = [Rejection(index=index, code="frame.bad", message="not a frame") for index in (0, 1)]
    Uploader(spool, ScriptedHub(OK.model_copy(update={"rejected": rejections})), 10).step()
    _, kept = spool.rejected()
    assert (kept.telegram, kept.code) == (some_telegrams(1, 1)[0], "frame.bad")
    assert [record.getMessage() for record in caplog.records] == [
        "hub rejected 2 telegrams, kept aside in the spool: frame.bad: not a frame"
    ]
    assert kept.telegram.frame.hex().upper() not in caplog.text.upper()
    assert spool.depth == 0
    spool.close()


def test_coming_back_and_catching_up_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    spool = Spool(tmp_path / "spool.sqlite")
    spool.append(some_telegrams(0, 15))
    uploader = Uploader(spool, ScriptedHub(DOWN, DOWN), 10)
    for _ in range(4):
        uploader.step()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "hub unreachable, spooling",
        "hub takes telegrams again; 5 to catch up",
        "caught up",
    ]
    spool.close()


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_gateway_that_hears_nothing_shows_at_once_and_then_every_few_minutes_that_it_lives(
    tmp_path: Path,
) -> None:
    spool, hub, clock = Spool(tmp_path / "spool.sqlite"), ScriptedHub(), Clock()
    uploader = Uploader(spool, hub, 10, monotonic=clock)
    assert uploader.step() == POLL_S
    assert hub.sizes == [0]
    clock.now = HEARTBEAT_S - 1
    assert uploader.step() == POLL_S
    assert hub.sizes == [0]
    clock.now = HEARTBEAT_S
    uploader.step()
    assert hub.sizes == [0, 0]
    spool.append(some_telegrams(0, 1))
    clock.now += 100
    uploader.step()
    clock.now += HEARTBEAT_S - 1
    uploader.step()
    assert hub.sizes == [0, 0, 1]
    spool.close()


def test_a_heartbeat_that_the_hub_refuses_is_as_loud_as_a_batch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool, hub = Spool(tmp_path / "spool.sqlite"), ScriptedHub(REFUSED, DOWN)
    uploader = Uploader(spool, hub, 10, jitter=lambda: 1.0)
    assert uploader.step() == REFUSED_PAUSE_S
    assert "HUB REFUSES TELEGRAMS, a person must act" in caplog.text
    assert uploader.step() == 2
    assert uploader.step() == POLL_S
    assert hub.sizes == [0, 0, 0]
    spool.close()


@settings(max_examples=25)
@given(
    outcomes=st.lists(st.sampled_from([OK, DOWN, REFUSED]), max_size=20),
    arrivals=st.lists(st.integers(0, 12), min_size=1, max_size=20),
    batch_size=st.integers(1, 10),
    largest=st.integers(1, 10),
)
def test_whatever_the_hub_answers_each_telegram_is_taken_once(
    outcomes: list[Delivered | Deferred], arrivals: list[int], batch_size: int, largest: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool.sqlite")
        hub = ScriptedHub(*outcomes, largest=largest)
        uploader = Uploader(spool, hub, batch_size)
        total = 0
        for count in arrivals:
            spool.append(some_telegrams(total, count))
            total += count
            uploader.step()
        while spool.depth:
            uploader.step()
        assert sorted(hub.taken, key=lambda one: one.received_at) == some_telegrams(0, total)
        spool.close()
