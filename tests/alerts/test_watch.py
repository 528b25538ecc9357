import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.alerts.habits import DAY_S
from meterhub.alerts.lifecycle import Action, Outcome
from meterhub.alerts.watch import Watch, watch
from tests.alerts.homes import HOUR_S, START_S, a_home

DAY_H = 24


def raised(home):
    state = Watch()
    return [change for change in watch(state, home.reads()) if change.action is Action.RAISED], state


@pytest.mark.parametrize("seed", range(20))
def test_an_ordinary_home_raises_nothing(seed):
    home = a_home(70, seed, people=1 + seed % 5, away=set(range(20, 34)) if seed % 3 == 0 else ())
    assert raised(home)[0] == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step_ml", [1000, 10_000])
def test_watering_the_garden_every_night_is_no_leak(seed, step_ml):
    assert raised(a_home(40, seed, garden=True).with_step(step_ml))[0] == []


def test_a_toilet_that_runs_is_found_within_three_days_with_its_rate_and_onset():
    onset_h = 25 * DAY_H
    alerts, _ = raised(a_home().with_flow(onset_h, 35 * DAY_H, 14))
    [change] = alerts
    assert change.alert.kind == "continuous-flow"
    assert 14_000 * 0.9 <= change.alert.rate_ml_h <= 14_000 * 1.3
    assert abs(change.alert.onset_s - (START_S + onset_h * HOUR_S)) <= 24 * HOUR_S
    assert change.at_s - (START_S + onset_h * HOUR_S) <= 72 * HOUR_S


def test_a_drip_of_two_litres_an_hour_is_found_by_its_duration_alone():
    onset_h = 25 * DAY_H
    [change], _ = raised(a_home().with_flow(onset_h, 35 * DAY_H, 2.2))
    assert change.alert.evidence["rule"] == "duration"
    assert change.alert.severity == "low"
    assert change.at_s - (START_S + onset_h * HOUR_S) <= 97 * HOUR_S


def test_a_burst_pages_within_four_hours_and_is_not_told_twice():
    onset_h = 20 * DAY_H + 2
    alerts, state = raised(a_home().with_flow(onset_h, onset_h + 30, 900))
    [change] = alerts
    assert (change.alert.kind, change.alert.severity) == ("burst", "high")
    assert change.at_s - (START_S + onset_h * HOUR_S) <= 4.5 * HOUR_S
    assert state.alerts["burst"].outcome is Outcome.ENDED
    lost_ml = state.alerts["burst"].volume_ml
    assert 0.9 * 27_000_000 <= lost_ml <= 1.1 * 27_000_000


def test_an_alert_closes_after_two_separate_still_spans_and_the_same_leak_reopens_it():
    home = a_home(45).with_flow(20 * DAY_H, 26 * DAY_H, 20).with_flow(29 * DAY_H, 34 * DAY_H, 20)
    actions = [change.action for change in watch(Watch(), home.reads())]
    assert actions == [Action.RAISED, Action.CLOSED, Action.REOPENED, Action.CLOSED]


def test_a_leak_weeks_later_is_an_alert_of_its_own():
    home = a_home(60).with_flow(20 * DAY_H, 26 * DAY_H, 20).with_flow(45 * DAY_H, 50 * DAY_H, 20)
    actions = [change.action for change in watch(Watch(), home.reads())]
    assert actions == [Action.RAISED, Action.CLOSED, Action.RAISED, Action.CLOSED]


def test_a_home_that_never_rests_long_gets_more_patience_than_one_that_does():
    restless = a_home(50)
    for day in range(0, 50, 3):  # thirty hours without rest, every three days
        restless = restless.with_flow(day * DAY_H, day * DAY_H + 30, 1.5)
    assert raised(restless)[0] == []
    [change], _ = raised(restless.with_flow(40 * DAY_H, 50 * DAY_H, 5))
    assert change.alert.evidence["own_longest_hours"] >= 30


def test_a_month_of_leak_is_not_learned_as_habit():
    _, state = raised(a_home(60).with_flow(20 * DAY_H, 40 * DAY_H, 20))
    onset, end = (START_S + 20 * DAY_S) // DAY_S, (START_S + 40 * DAY_S) // DAY_S
    assert all(state.days[day].in_alert for day in range(onset, end))
    assert not state.days[end + 2].in_alert


def test_a_coarse_register_shows_a_leak_of_eight_litres():
    [change], _ = raised(a_home(45).with_step(10_000).with_flow(25 * DAY_H, 45 * DAY_H, 8))
    assert change.alert.kind == "continuous-flow"


def test_a_gap_is_neither_rest_nor_flow():
    home = a_home(40).with_flow(25 * DAY_H, 40 * DAY_H, 20)
    lost = [hour for hour in range(40 * DAY_H) if random.Random(hour).random() < 0.25]
    [change], _ = raised(home.without_reads(lost))
    assert change.at_s - (START_S + 25 * DAY_S) <= 72 * HOUR_S


def test_a_wild_read_a_rollover_and_a_negative_step_raise_nothing():
    reads = a_home(30).reads()
    reads[300] = (reads[300][0], reads[300][1] + 248_500_000)
    reads[500] = (reads[500][0], reads[500][1] - 3_000)
    rollover = reads[600][1]
    reads = [(at_s, ml - rollover if index >= 600 else ml) for index, (at_s, ml) in enumerate(reads)]
    assert watch(Watch(), reads) == []


@given(
    cuts=st.lists(st.integers(1, 45 * 24 - 1), min_size=1, max_size=12, unique=True),
    seed=st.integers(0, 10_000),
    step_ml=st.sampled_from([1000, 10_000]),
)
def test_watching_live_finds_exactly_what_a_back_fill_finds(cuts, seed, step_ml):
    rng = random.Random(seed)
    home = a_home(45, seed).with_step(step_ml)
    home = home.with_flow(20 * DAY_H, 27 * DAY_H, rng.choice((1.5, 6, 30)))
    home = home.with_flow(33 * DAY_H + 5, 34 * DAY_H, 600)
    reads = home.without_reads(h for h in range(45 * 24) if rng.random() < 0.1).reads()
    at_once, live = Watch(), Watch()
    all_changes = watch(at_once, reads)
    live_changes = []
    for cut in [*sorted(cuts), len(reads)]:
        seen = reads[: min(cut, len(reads))]
        horizon = live.examined_until_s - 120 * HOUR_S
        live_changes += watch(live, [read for read in seen if read[0] >= horizon])
    assert live_changes == all_changes
    assert live == at_once
    assert any(change.action is Action.RAISED for change in all_changes)


def test_examining_the_same_reads_again_changes_nothing():
    reads = a_home(30).with_flow(20 * DAY_H, 30 * DAY_H, 20).reads()
    state = Watch()
    watch(state, reads)
    days, alerts = dict(state.days), dict(state.alerts)
    assert watch(state, reads) == []
    assert (state.days, state.alerts) == (days, alerts)
