"""Thinning: what may never be dropped, over all sequences of telegrams."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.gateway.intake import FORGET_AFTER, Intake, Rules
from meterhub.gateway.spool import HeardTelegram, Spool
from meterhub.gateway.spool_clock import Clock
from meterhub.gateway.thinning import GRACE, STEP, Keep, Waiting, bucket, due, look, offer
from meterhub.wmbus.dll import add_crc_a

START = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
STEPS = [Keep.QUARTER, Keep.HOUR]


def a_frame(serial: str = "12345678", status: int = 0, value: int = 0) -> bytes:
    """A telegram with a short header, in which the status byte stands outside the encryption."""
    body = bytes.fromhex("44AE0C") + bytes.fromhex(serial)[::-1] + bytes.fromhex("01077A00")
    body += bytes((status,)) + bytes.fromhex("00000413") + value.to_bytes(4, "little")
    return bytes((len(body),)) + body


heard = st.lists(
    st.tuples(
        st.integers(0, 3),  # which meter
        st.sampled_from([0, 0, 0, 4]),  # status
        st.integers(0, 2000),  # seconds since the one before
    ),
    max_size=80,
)


def timed(items):
    at = START
    for number, (meter, status, gap_s) in enumerate(items):
        at += timedelta(seconds=gap_s)
        frame = a_frame(f"0000000{meter}", status, number)
        yield meter, status, HeardTelegram(frame, at, -70, "T1")


def pure(telegrams, step):
    """Thin with nothing but the pure functions; return what went, and what still waits."""
    known, went, thinned = {}, [], 0
    for meter, status, telegram in telegrams:
        for kind, waiting in known.items():
            if (over := due(waiting, telegram.received_at, step)) is not None:
                went.append(over)
                known[kind] = Waiting(waiting.seen_at, waiting.status, None)
        outcome = offer(known.get(meter), telegram, telegram.received_at, status, step)
        went += outcome.go
        thinned += outcome.thinned
        known[meter] = outcome.known
    return went, [w.telegram for w in known.values() if w.telegram], thinned


@given(heard, st.sampled_from(STEPS))
def test_the_last_telegram_before_each_boundary_and_each_change_of_status_goes(items, keep):
    step = STEP[keep]
    telegrams = list(timed(items))
    went, waits, thinned = pure(telegrams, step)
    last = {(meter, bucket(t.received_at, step)): t for meter, _, t in telegrams}
    assert set(last.values()) <= {*went, *waits}
    before = {}
    for meter, status, telegram in telegrams:
        if before.get(meter) != status:
            assert telegram in went, "the first of a meter, and each change, goes at once"
        before[meter] = status
    assert len(went) == len(set(went))
    assert len(went) + len(waits) + thinned == len(telegrams), "each goes, waits or is counted"


@given(heard, st.sampled_from(STEPS))
def test_what_goes_is_little_more_than_one_a_boundary(items, keep):
    telegrams = list(timed(items))
    went, waits, _ = pure(telegrams, STEP[keep])
    buckets = {(meter, bucket(t.received_at, STEP[keep])) for meter, _, t in telegrams}
    changes, before = 0, {}
    for meter, status, _ in telegrams:
        changes += before.get(meter) != status
        before[meter] = status
    assert len(went) + len(waits) <= len(buckets) + changes


def test_a_meter_of_one_telegram_in_16_seconds_sends_a_hundredth_of_them():
    items = [(0, 0, 16)] * (86_400 // 16)
    went, _, thinned = pure(list(timed(items)), STEP[Keep.QUARTER])
    assert len(went) <= 98
    assert thinned > 5_200


def test_a_telegram_that_two_receivers_hand_on_out_of_order_is_not_the_last():
    step = STEP[Keep.HOUR]
    first = offer(None, "first", START, 0, step)
    later = offer(first.known, "later", START + timedelta(seconds=2), 0, step)
    early = offer(later.known, "early", START + timedelta(seconds=1), 0, step)
    assert early.go == ("early",)
    assert early.known.telegram == "later"


def test_a_boundary_is_over_a_moment_later():
    waiting = Waiting(START, 0, "last")
    boundary = START + timedelta(hours=1)
    assert due(waiting, boundary + GRACE - timedelta(microseconds=1), STEP[Keep.HOUR]) is None
    assert due(waiting, boundary + GRACE, STEP[Keep.HOUR]) == "last"


def test_the_status_is_seen_with_and_without_checksums():
    frame = a_frame(status=4)
    assert look(frame).status == look(add_crc_a(frame)).status == 4
    assert look(frame) == look(add_crc_a(frame))
    assert look(frame).meters == (("CEN", "12345678"),)


def test_the_status_of_a_telegram_that_is_encrypted_as_a_whole_is_not_seen():
    frame = bytes.fromhex("232D2C998734761B168D2087D19EAD217F1779EDA86AB6D50D0A1B2C3D4E5F60718293")
    frame = bytes((len(frame) - 1,)) + frame[1:]
    assert look(frame).status is None
    assert look(frame).kind is not None


def test_fragments_and_what_is_not_understood_always_go():
    fragment = bytes.fromhex("44AE0C785634120107") + bytes.fromhex("9002") + b"\x01\x40" + bytes(9)
    assert look(bytes((len(fragment),)) + fragment).kind is None
    assert look(b"\x05abc").kind is None
    assert look(b"").kind is None


@given(st.binary(max_size=60))
def test_looking_at_any_bytes_never_fails(frame):
    look(frame)
    look(bytes((len(frame),)) + frame)


class At:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@settings(max_examples=40)
@given(items=heard, restarts=st.sets(st.integers(0, 80)), keep=st.sampled_from(STEPS))
def test_restarts_at_any_moment_change_nothing(tmp_path_factory, items, restarts, keep):
    path = tmp_path_factory.mktemp("thin") / "spool.sqlite"
    clock = At()
    spool = Spool(path)
    intake = Intake(spool, Rules(keep), now=clock)
    thinned = 0
    telegrams = list(timed(items))
    for number, (_, _, telegram) in enumerate(telegrams):
        clock.now = telegram.received_at
        intake.tick()
        intake.store([telegram])
        if number in restarts:
            thinned += intake.thinned
            spool.close()
            spool = Spool(path)
            intake = Intake(spool, Rules(keep), now=clock)
    went, _, _ = pure(telegrams, STEP[keep])
    batch = spool.oldest(1000)
    assert sorted(t.frame for t in (batch.telegrams if batch else ())) == sorted(t.frame for t in went)
    intake.follow(Rules(Keep.ALL))
    assert spool.depth + thinned + intake.thinned == len(telegrams)
    spool.close()


def test_meters_that_are_not_listed_are_dropped_and_counted(tmp_path: Path):
    spool = Spool(tmp_path / "spool.sqlite")
    intake = Intake(spool, Rules(Keep.ALL, frozenset({("CEN", "12345678")})))
    telegrams = [HeardTelegram(frame, START, None, None) for frame in (a_frame(), a_frame("99999999"), b"\x05abc")]
    intake.store(telegrams)
    batch = spool.oldest(10)
    assert [t.frame for t in batch.telegrams] == [a_frame(), b"\x05abc"], "what is not understood is kept"
    assert intake.unlisted == 1
    spool.close()


def test_what_is_known_of_a_meter_that_went_away_is_forgotten(tmp_path: Path):
    spool, clock = Spool(tmp_path / "spool.sqlite"), At()
    intake = Intake(spool, Rules(Keep.HOUR), now=clock)
    intake.store([HeardTelegram(a_frame(), START, None, None)])
    assert len(spool.known()) == 1
    clock.now = START + FORGET_AFTER + timedelta(minutes=1)
    intake.tick()
    assert spool.known() == {}
    spool.close()


@pytest.mark.parametrize("keep", [Keep.ALL, Keep.HOUR])
def test_telegrams_follow_a_clock_that_is_set(tmp_path: Path, keep: Keep):
    """A machine starts five hours late, hears, and is set right by the network; also across a restart."""
    clocks = [Clock("boot", 0)]
    spool = Spool(tmp_path / "spool.sqlite", clock=lambda: clocks[-1])
    now = At()
    intake = Intake(spool, Rules(keep), now=now)
    for number in range(3):
        at = START + timedelta(minutes=number)
        intake.store([HeardTelegram(a_frame(value=number), at, None, None)])
    spool.close()
    clocks.append(Clock("boot", 5 * 3600 * 10**6))
    spool = Spool(tmp_path / "spool.sqlite", clock=lambda: clocks[-1])
    now.now = START + timedelta(hours=7)
    intake = Intake(spool, Rules(keep), now=now)
    intake.tick()
    moved = START + timedelta(hours=5)
    expected = [moved + timedelta(minutes=n) for n in ((0, 1, 2) if keep is Keep.ALL else (0, 2))]
    assert [t.received_at for t in spool.oldest(10).telegrams] == expected
    clocks.append(Clock("another boot", 0))
    assert [t.received_at for t in spool.oldest(10).telegrams] == expected, "times of before are left alone"
    spool.close()
