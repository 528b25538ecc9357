"""Each rule: a case that it finds, and its nearest neighbour that it must not."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.vee.prepare import prepare
from meterhub.vee.reconcile import Known, reconcile
from meterhub.vee.rules import by_name, rules
from meterhub.vee.window import Day, Hour, Installed, Read

HOUR_S, DAY_S = 3600, 86_400
T0 = 1_772_323_200  # 2026-03-01
EVER = [Installed(0, None)]


def reads(*litres, every_s=HOUR_S, **more):
    return [Read(T0 + n * every_s, round(litre * 1000), id=n + 1, **more) for n, litre in enumerate(litres)]


def days(*litres):
    first = date(2026, 3, 1)
    return [Day(first + timedelta(n), T0 + n * DAY_S, round(litre * 1000), 24) for n, litre in enumerate(litres)]


def hours(*millilitres, quality=1):
    return [Hour(T0 + n * HOUR_S, ml, quality) for n, ml in enumerate(millilitres)]


def window(rows=(), **more):
    until = max([T0, *(r.at_s for r in rows)])
    return prepare(list(rows), **{"from_s": T0, "until_s": until, "digits": 5, "installed": EVER, **more})


def clocks(*offsets):
    return [Read(T0 + n * HOUR_S, 1000 * n, clock_s=offset, id=n) for n, offset in enumerate(offsets)]


twin = [Read(T0, 5000, id=1), Read(T0, 5000, id=2)]
conflict = [Read(T0, 5000, id=1), Read(T0, 7000, id=2), *reads(5, 8)[1:]]
near_the_end = reads(99_999_990, 3, 5)
swapped = reads(301_000, 301_001, 14, 15, 16)
replaced = [*reads(301_000, 301_001), Read(T0 + 2 * HOUR_S, 14_000, "installation"), Read(T0 + 3 * HOUR_S, 15_000)]
week = [300, 280, 310, 290, 305, 500, 450]
stopped_days = days(*week, *week, *[0] * 15)
stood_still = [Read(T0 + n * HOUR_S, 9000, clock_s=-n * HOUR_S) for n in range(8)]
holes = [Read(T0 + n * HOUR_S, 9000 + n) for n in (*range(3), *range(27, 30))]
by_hand = [Read(T0 + n * 90 * DAY_S, n * 30_000_000, "utility") for n in range(3)]
stable = [Installed(0, T0 + 10)]

CASES = [
    ("duplicate", window(twin), 1),
    ("duplicate", window(conflict), 0),
    ("conflicting-duplicate", window(conflict), 1),
    ("conflicting-duplicate", window(twin), 0),
    ("not-installed", window(reads(1, 1, 90), installed=stable), 1),
    ("not-installed", window(reads(1, 1, 40), installed=stable), 0),
    ("not-installed", window(reads(1, 1, 90)), 0),
    ("backflow", window(reads(500, 480, 490)), 1),
    ("backflow", window(reads(500, 380, 390)), 0),
    ("backflow", window(reads(500, 500, 510)), 0),
    ("rollover", window(near_the_end), 1),
    ("rollover", window(swapped), 0),
    ("swap", window(swapped), 1),
    ("swap", window(near_the_end), 0),
    ("swap", window(replaced), 0),
    ("spike", window(reads(500, 510, 30_000, 520)), 1),
    ("spike", window(reads(500, 510, 515, 520)), 0),
    ("dip", window(reads(5000, 5010, 90, 5020)), 1),
    ("dip", window(reads(5000, 5010, 4990, 5020)), 0),
    ("physical-limit", window(reads(500, 3700)), 1),
    ("physical-limit", window(reads(500, 3600)), 0),
    ("physical-limit", window(reads(500, 510, 30_000, 520)), 0),
    ("physical-limit", window(reads(500, 3700), digits=6), 0),
    ("high-day", window(days=days(*week * 5, 1600)), 1),
    ("high-day", window(days=days(*week * 5, 900)), 0),
    ("high-day", window(days=days(*week * 2, 1600)), 0),
    ("stopped", window(days=stopped_days), 1),
    ("stopped", window(days=stopped_days[:-2]), 0),
    ("stopped", window(days=days(*week, *[0] * 5, *week, *[0] * 15)), 0),
    ("frozen-rate", window(hours=hours(*[5000] * 12)), 1),
    ("frozen-rate", window(hours=hours(*[5000] * 11, 5001)), 0),
    ("frozen-rate", window(hours=hours(*[0] * 20)), 0),
    ("frozen-rate", window(hours=hours(*[5000] * 12, quality=3)), 0),
    ("sum-check", window(reads(1, 2, 3), hours=hours(1000, 1001)), 1),
    ("sum-check", window(reads(1, 2, 3), hours=hours(1000, 1000)), 0),
    ("sum-check", window(reads(1, 2, 3), hours=hours(1000, 1001, quality=4)), 0),
    ("unit", window(reads(240_380, 240_384, 2_403_840, 2_403_850)), 1),
    ("unit", window(days=days(*week * 2, 3000, 2900, 3100)), 1),
    ("unit", window(days=days(*week * 2, 900, 950, 920)), 0),
    ("clock-drift", window(clocks(0, 130, 140, 0)), 1),
    ("clock-drift", window(clocks(0, 110, -110, 0)), 0),
    ("clock-jump", window(clocks(0, 3600, 3600, 0)), 1),
    ("clock-jump", window(clocks(0, 800, None, 0)), 0),
    ("gap", window(holes), 1),
    ("gap", window(by_hand), 0),
    ("gap", window(holes, installed=[Installed(0, T0 + 5 * HOUR_S), Installed(T0 + 26 * HOUR_S, None)]), 0),
    ("stale", window(stood_still), 1),
    ("stale", window([Read(T0 + n * HOUR_S, 9000, clock_s=3) for n in range(8)]), 0),
    ("exchange-without-read", window(reads(1, 2, 3), installed=[Installed(0, T0 + HOUR_S + 60)]), 1),
    ("exchange-without-read", window(replaced, installed=[Installed(T0 + 2 * HOUR_S, None)]), 0),
]


@pytest.mark.parametrize(("name", "given_window", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_a_rule_finds_its_case_and_leaves_the_neighbouring_one(name, given_window, expected):
    assert len(by_name()[name].hits(given_window)) == expected


def test_every_rule_has_a_case_that_it_finds_and_one_that_it_leaves():
    for rule in rules():
        assert {bool(expected) for name, _, expected in CASES if name == rule.name} == {True, False}, rule.name


some_reads = st.lists(
    st.builds(
        Read,
        st.integers(T0 - 3 * DAY_S, T0 + 3 * DAY_S),
        st.integers(0, 10**11 - 1),
        st.sampled_from(["amr", "amr", "installation", "removal", "customer"]),
        st.none() | st.integers(-5000, 5000),
        st.integers(1, 99),
    ),
    max_size=30,
)


@given(some_reads)
def test_no_reads_whatever_stop_a_rule_and_what_is_found_ends_after_it_began(rows):
    seen = window(sorted(rows, key=lambda read: read.at_s), until_s=T0 + 4 * DAY_S)
    for rule in rules():
        for hit in rule.hits(seen):
            assert hit.start_s <= hit.end_s
            assert hit.end_s >= seen.from_s


@given(some_reads)
def test_the_same_check_twice_changes_nothing(rows):
    seen = window(sorted(rows, key=lambda read: read.at_s), until_s=T0 + 4 * DAY_S)
    names = frozenset(rule.name for rule in rules())
    hits = [(rule.name, hit) for rule in rules() for hit in rule.hits(seen)]
    first = reconcile([], hits, names, from_s=seen.from_s, until_s=seen.until_s)
    known = [
        Known(number, rule, hit.start_s, hit.end_s, "open", hit.evidence)
        for number, (rule, hit) in enumerate(first.new)
    ]
    again = reconcile(known, hits, names, from_s=seen.from_s, until_s=seen.until_s)
    assert (again.new, again.again, again.gone) == ([], [], [])


def test_a_finding_that_is_gone_closes_only_if_its_time_was_examined():
    old = Known(1, "gap", T0 - 9 * DAY_S, T0 - 8 * DAY_S, "open", {})
    new = Known(2, "gap", T0, T0 + DAY_S, "open", {})
    settled = Known(3, "gap", T0 + 2 * DAY_S, T0 + 3 * DAY_S, "accepted", {})
    changes = reconcile([old, new, settled], [], frozenset({"gap"}), from_s=T0, until_s=T0 + 9 * DAY_S)
    assert changes.gone == [new]
