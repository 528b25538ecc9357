import contextlib
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.errors import BadInput, MeterhubError, TooLarge
from meterhub.ingest.batch import inflate, parse
from meterhub.ingest.dedupe import Known, in_order_heard, seen_from

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = {"frame": "0F44AE0C", "received_at": NOW.isoformat(), "rssi_dbm": -71, "link_mode": "T1"}


def parse_document(document, **limits):
    return parse(
        json.dumps(document).encode(), gateway="north", max_telegrams=limits.get("max_telegrams", 10), now=NOW
    )


def batch_of(*telegrams):
    return {"gateway": "north", "telegrams": list(telegrams)}


def test_a_good_telegram_is_heard_with_all_it_says():
    (heard,), rejected = parse_document(batch_of(GOOD))
    assert not rejected
    assert (heard.place, heard.raw.hex(), heard.rssi_dbm, heard.link_mode) == (0, "0f44ae0c", -71, "T1")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"frame": "0F4"}, "frame"),
        ({"frame": "XY"}, "frame"),
        ({"frame": ""}, "frame"),
        ({"frame": "00" * 2000}, "frame"),
        ({"received_at": "2026-03-01T12:00:00"}, "received_at"),
        ({"received_at": "yesterday"}, "received_at"),
        ({"rssi_dbm": "loud"}, "rssi_dbm"),
        ({"link_mode": "Q9"}, "link_mode"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_bad_telegram_is_rejected_by_its_place_and_field_and_the_rest_goes_on(change, names):
    heard, rejected = parse_document(batch_of(GOOD, GOOD | change, GOOD))
    assert [one.place for one in heard] == [0, 2]
    assert [(r.index, r.code) for r in rejected] == [(1, "bad-telegram")]
    assert names in rejected[0].message


def test_a_telegram_from_the_future_is_rejected_but_a_clock_some_hours_fast_is_not():
    ahead = GOOD | {"received_at": (NOW + timedelta(hours=5)).isoformat()}
    far = GOOD | {"received_at": (NOW + timedelta(days=2)).isoformat()}
    heard, rejected = parse_document(batch_of(ahead, far, "no object"))
    assert [one.place for one in heard] == [0]
    assert [r.code for r in rejected] == ["received-in-future", "bad-telegram"]


@pytest.mark.parametrize(
    "unset", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1970-01-01T00:03:00Z", "2000-01-01T00:00:00Z"]
)
def test_a_telegram_stamped_by_a_clock_that_was_never_set_is_rejected(unset):
    """The span that one makes with the meter's true reads would be decades of estimated hours."""
    heard, rejected = parse_document(batch_of(GOOD, GOOD | {"received_at": unset}))
    assert [one.place for one in heard] == [0]
    assert [(r.index, r.code) for r in rejected] == [(1, "received-long-ago")]
    assert "clock" in rejected[0].message


def test_a_telegram_that_was_spooled_for_more_than_a_year_is_heard():
    late = GOOD | {"received_at": (NOW - timedelta(days=500)).isoformat()}
    heard, rejected = parse_document(batch_of(late))
    assert (len(heard), rejected) == (1, [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b'{"gateway": "north"}', b'{"telegrams": {}}', b"\xff\xfe"]
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(body):
    with pytest.raises(BadInput):
        parse(body, gateway="north", max_telegrams=10, now=NOW)


def test_a_batch_of_another_gateway_is_refused():
    with pytest.raises(BadInput, match="south"):
        parse_document({"gateway": "south", "telegrams": []})


def test_a_batch_over_the_limit_is_refused():
    with pytest.raises(TooLarge):
        parse_document(batch_of(GOOD, GOOD), max_telegrams=1)


def test_gzip_is_unpacked_but_never_beyond_the_limit():
    assert inflate(gzip.compress(b"abc"), "gzip", 10) == b"abc"
    with pytest.raises(TooLarge):
        inflate(gzip.compress(b"0" * 10_000_000), "gzip", 1000)
    with pytest.raises(BadInput):
        inflate(gzip.compress(b"abc" * 100)[:-9], "gzip", 1000)
    with pytest.raises(BadInput):
        inflate(b"abc", "br", 1000)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "", "identity"]))
def test_any_body_is_parsed_or_refused_with_a_known_error(body, encoding):
    with contextlib.suppress(MeterhubError):  # anything else fails the test
        parse(inflate(body, encoding, 1000), gateway="north", max_telegrams=10, now=NOW)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 200)), max_size=25), st.integers(1, 60))
def test_no_two_kept_transmissions_of_one_fingerprint_are_within_the_window(frames, window_s):
    window = timedelta(seconds=window_s)
    seen = seen_from([], window)
    kept = []
    for n in in_order_heard([NOW + timedelta(seconds=s) for _, s in frames]):
        fingerprint, at = frames[n][0], NOW + timedelta(seconds=frames[n][1])
        if seen.find(fingerprint, at) is None:
            seen.add(fingerprint, at, Known(n, 1, at))
            kept.append((fingerprint, at))
    for i, (one, at) in enumerate(kept):
        for other, then in kept[:i]:
            assert one != other or abs(at - then) > window
    for fingerprint, s in frames:
        at = NOW + timedelta(seconds=s)
        assert any(f == fingerprint and abs(t - at) <= window for f, t in kept)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "frame": st.sampled_from(["0F44AE0C", "0f44ae0c", "0f4"]),
                "received_at": st.sampled_from(
                    [NOW.isoformat(), "2026-03-01T12:00:00Z", 1772366400, "1999-01-01"]
                ),
            },
            optional={
                "rssi_dbm": st.sampled_from([None, -71, -71.4, "-71", 51]),
                "link_mode": st.sampled_from([None, "T1", "X9"]),
                "more": st.just(1),
            },
        ),
        max_size=4,
    )
)
def test_a_batch_read_at_once_and_one_read_one_by_one_say_the_same(telegrams):
    heard, rejected = parse_document({"gateway": "north", "telegrams": telegrams})
    # with a faulty telegram behind them nothing is read at once
    heard_each, rejected_each = parse_document({"gateway": "north", "telegrams": [*telegrams, {}]})
    assert heard == heard_each
    assert rejected == rejected_each[:-1]
