import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meterhub.ingest.dedupe import Seen

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=30)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300), st.booleans()), max_size=60))
def test_the_nearest_of_a_window_is_found_in_whatever_order_transmissions_came(steps):
    seen, plain = Seen(WINDOW), []
    for number, (fingerprint, second, adds) in enumerate(steps):
        at = NOON + timedelta(seconds=second)
        near = [(abs(at - a), n) for n, (f, a) in enumerate(plain) if f == fingerprint and abs(at - a) <= WINDOW]
        expected = plain[min(near)[1]] if near else None
        assert seen.find(fingerprint, at) == expected, number
        if adds:
            plain.append((fingerprint, at))
            seen.add(fingerprint, at, (fingerprint, at))


def test_a_batch_of_one_meter_that_stands_still_takes_no_longer_than_others():
    def seconds(fingerprints):
        seen = Seen(WINDOW)
        begun = time.process_time()
        for n in range(10_000):
            at = NOON + timedelta(minutes=n)
            assert seen.find(n % fingerprints, at) is None
            seen.add(n % fingerprints, at, n)
        return time.process_time() - begun

    assert seconds(1) < 20 * seconds(10_000)
