"""Old telegrams sent again, registers that fall, and all that looks alike but is honest."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub.ingest.decoding import MeterRead
from meterhub.ingest.neighbours import Earlier
from meterhub.ingest.retry import retry
from meterhub.ingest.screening import BACKFLOW_ML, Before, Candidate, Evidence, find_suspects, judge
from meterhub.simulate.meters import Reading, families
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message, encode
from tests.ingest.test_service import NOW, SETTINGS, Hub

KEY = bytes(range(16))
FAMILIES = {family.name: family for family in families()}
COUNTED = ("axioma-qalcosonic-w1", "kamstrup-multical21")  # by the message counter, by the session number


def telegram(name, count, litres):
    """Return the `count`-th telegram of a meter, whose clock stands still for the sake of equal bytes."""
    family = FAMILIES[name]
    address = Address(family.manufacturer, "10000001", family.device_version, family.device_type)
    reading = Reading(datetime(2026, 3, 1), 1_000_000 + 1000 * litres, 1_000_000, count)
    return encode(family.build(address, KEY if family.encrypted else None, reading)).hex()


def plain(litres):
    records = (DataRecord.of("0413", Decimal(litres) / 1000), DataRecord.of("426C", date(2026, 1, 31)))
    return encode(Message(Address("SEN", "10000001", 0x68, 0x07), records)).hex()


def hours(number):
    return NOW + timedelta(hours=number)


@pytest.fixture
def hub(engine):
    hub = Hub(engine)
    for name in COUNTED:
        hub.register(FAMILIES[name].manufacturer, "10000001", KEY.hex())
    hub.register("SEN", "10000001")
    return hub


def litres_read(hub):
    return [(volume // 1000 - 1000) for _, volume in hub.reads()]


@pytest.mark.parametrize("name", COUNTED)
def test_an_old_telegram_sent_again_is_held_and_alters_nothing(hub, name):
    old, newest = telegram(name, 1, 10), telegram(name, 5, 50)
    assert hub.send((old, hours(0)), (newest, hours(4))) == (2, 0, 0)
    assert hub.send((old, hours(5)), (newest, hours(6))) == (0, 0, 2)
    assert [reason for reason, _ in hub.held()] == ["replayed", "replayed"]
    assert litres_read(hub) == [10, 50]
    assert hub.rows("SELECT max(until_at) FROM rollup_due") == [(hours(4),)]


@pytest.mark.parametrize("name", COUNTED)
def test_a_telegram_recorded_before_but_never_heard_here_is_told_by_its_counter(hub, name):
    assert hub.send((telegram(name, 9, 90), hours(0))) == (1, 0, 0)
    assert hub.send((telegram(name, 3, 89), hours(1))) == (0, 0, 1)  # no more than backflow could be
    assert [reason for reason, _ in hub.held()] == ["replayed"]
    assert hub.send((telegram(name, 10, 89), hours(2))) == (1, 0, 0)  # and this is backflow


@pytest.mark.parametrize("name", COUNTED)
def test_a_week_delivered_late_and_in_disorder_is_read_as_if_it_had_come_in_time(hub, name):
    week = [(telegram(name, n, 10 * n), hours(n)) for n in range(24)]
    assert hub.send(*week[20:]) == (4, 0, 0)
    for part in (week[12:20], week[0:4], week[4:12]):
        assert hub.send(*reversed(part), gateway=2) == (len(part), 0, 0)
    assert sorted(litres_read(hub)) == [10 * n for n in range(24)]
    assert not hub.held()


@pytest.mark.parametrize("name", COUNTED)
def test_a_replay_that_an_offline_gateway_delivers_late_is_held(hub, name):
    assert hub.send(*((telegram(name, n, 10 * n), hours(n)) for n in range(8))) == (8, 0, 0)
    assert hub.send((telegram(name, 2, 20), hours(5) + timedelta(minutes=5)), gateway=2) == (0, 0, 1)
    assert [reason for reason, _ in hub.held()] == ["replayed"]


@pytest.mark.parametrize("name", COUNTED)
def test_telegrams_that_gateways_with_clocks_apart_put_in_the_wrong_order_are_read(hub, name):
    for n in range(6):  # the second gateway's clock is 25 seconds behind
        at = hours(0) + timedelta(seconds=16 * n)
        late = timedelta(seconds=25 * (n % 2))
        assert hub.send((telegram(name, n, 10 + n), at - late), gateway=1 + n % 2) == (1, 0, 0)
    assert sorted(litres_read(hub)) == [10, 11, 12, 13, 14, 15]
    assert hub.send((telegram(name, 4, 14), hours(1)))[2] == 1


@pytest.mark.parametrize("name", COUNTED)
def test_a_meter_that_restarts_counts_anew_and_is_believed(hub, name):
    assert hub.send((telegram(name, 900, 50), hours(0))) == (1, 0, 0)
    assert hub.send((telegram(name, 0, 50), hours(1)), (telegram(name, 1, 51), hours(2))) == (2, 0, 0)
    assert litres_read(hub) == [50, 50, 51]


def test_a_meter_without_a_counter_that_stands_still_is_heard_each_time(hub):
    assert hub.send(*((plain(1234), hours(n)) for n in range(5))) == (5, 0, 0)
    assert hub.send((plain(1234), hours(6))) == (1, 0, 0)


def test_known_bytes_with_a_lower_register_are_a_replay_even_without_a_counter(hub):
    assert hub.send((plain(1234), hours(0)), (plain(1240), hours(1))) == (2, 0, 0)
    assert hub.send((plain(1234), hours(2))) == (0, 0, 1)
    assert hub.send((plain(1235), hours(3))) == (1, 0, 0)  # never heard: backflow of five litres
    assert [reason for reason, _ in hub.held()] == ["replayed"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_meter_without_a_counter_whose_water_ran_back_is_not_mute_while_it_stands_still(hub, at_once):
    assert hub.send((plain(1234), hours(0)), (plain(1236), hours(1))) == (2, 0, 0)
    standing = [(plain(1234), hours(2 + n)) for n in range(6)]
    for part in [standing] if at_once else [[one] for one in standing]:
        hub.send(*part)
    assert [reason for reason, _ in hub.held()] == ["replayed"] * 2
    assert [volume // 1000 for _, volume in hub.reads()] == [1234, 1236] + [1234] * 4
    assert hub.send((plain(1237), hours(9))) == (1, 0, 0)


def test_a_recorded_telegram_is_held_each_time_as_long_as_the_meter_is_heard_in_between(hub):
    for n in range(6):
        assert hub.send((plain(1240 + n), hours(2 * n))) == (1, 0, 0)
        assert hub.send((plain(1240), hours(2 * n + 1)))[2] == (n > 0)
    assert [reason for reason, _ in hub.held()] == ["replayed"] * 5


def test_a_register_that_falls_too_far_is_held_until_the_meter_insists(hub):
    assert hub.send((plain(90_000), hours(0))) == (1, 0, 0)
    assert hub.send((plain(5_000), hours(1)), (plain(5_001), hours(2))) == (0, 0, 2)
    assert [reason for reason, _ in hub.held()] == ["implausible", "implausible"]
    assert hub.send((plain(5_002), hours(3)), (plain(5_003), hours(4))) == (2, 0, 0)
    assert [volume for _, volume in hub.reads()] == [90_000_000, 5_002_000, 5_003_000]


def test_a_person_may_have_a_lower_register_believed(hub):
    hub.send((plain(90_000), hours(0)), (plain(5_000), hours(1)))
    assert sum(step.read for step in retry(hub.engine, SETTINGS)) == 0
    assert sum(step.read for step in retry(hub.engine, SETTINGS, reason="implausible")) == 1
    assert not hub.held()


def test_a_rollover_is_read(hub):
    hub.rows("SELECT 1")
    with hub.engine.begin() as connection:
        connection.execute(text("UPDATE meter SET digits = 3"))
    assert hub.send((plain(999_990), hours(0)), (plain(4), hours(1))) == (2, 0, 0)


def test_a_register_set_back_when_the_meter_was_put_in_anew_is_read(hub):
    hub.send((plain(90_000), hours(0)))
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO register_read (meter_id, at, volume_ml, source) "
                "SELECT meter_id, at + interval '30 minutes', 0, 'installation' FROM register_read"
            )
        )
    assert hub.send((plain(12), hours(1))) == (1, 0, 0)


def test_of_an_original_and_its_replay_at_two_hubs_at_once_only_one_is_read(hub):
    other = Hub.beside(hub)
    for round_ in range(5):
        name, count = COUNTED[round_ % 2], 10 + round_
        frame = telegram(name, count, 10 * count)
        with ThreadPoolExecutor(2) as pool:
            results = list(
                pool.map(
                    lambda given, frame=frame, round_=round_: given[0].send(
                        (frame, hours(10 * round_ + given[1]))
                    ),
                    ((hub, 0), (other, 1)),
                )
            )
        assert sorted(results) in ([(0, 0, 1), (1, 0, 0)], [(1, 0, 0), (1, 0, 0)])
        # both are read only where the one heard later was stored first: then it was not a repetition yet
    assert len(hub.reads()) + len(hub.held()) == 10


def test_a_held_frame_is_tried_against_what_was_read_before_it(hub):
    name = COUNTED[0]
    with hub.engine.begin() as connection:
        connection.execute(text("DELETE FROM meter_key"))
    hub.memory = Hub.beside(hub).memory
    assert hub.send((telegram(name, 1, 10), hours(0)), (telegram(name, 2, 20), hours(1)))[2] == 2
    assert hub.send((telegram(name, 1, 10), hours(2)))[2] == 1
    with hub.engine.begin() as connection:
        meter = connection.execute(text("SELECT id FROM meter WHERE manufacturer = 'AXI'")).scalar_one()
    from meterhub.access.principal import SYSTEM
    from meterhub.assets.keys import add_key

    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, KEY.hex())
    assert sum(step.read for step in retry(hub.engine, SETTINGS)) == 2
    assert [reason for reason, _ in hub.held()] == ["replayed"]


@st.composite
def honest(draw):
    """Return telegrams of one meter as it sent them, and in which order they came in."""
    steps = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 300)), min_size=1, max_size=30))
    restart = draw(st.integers(0, 40))
    sent, volume, at, counter = [], 0, NOW, draw(st.integers(0, 1000))
    for place, (used, minutes) in enumerate(steps):
        volume, at = volume + 1000 * used, at + timedelta(minutes=minutes)
        counter = 0 if place == restart else counter + 1
        sent.append((at, volume, counter))
    return sent, draw(st.permutations(range(len(sent)))), draw(st.integers(0, len(sent)))


def candidates_of(sent, counted):
    return [
        Candidate(
            place, at, MeterRead(1, volume, (), None, 9, ADDRESS, counter if counted else None), volume, place
        )
        for place, (at, volume, counter) in enumerate(sent)
    ]


ADDRESS = Address("AXI", "10000001", 1, 7)


@given(honest(), st.booleans())
def test_what_a_meter_sent_once_is_never_held_in_whatever_order_it_comes(meter, counted):
    sent, order, first = meter
    ours = candidates_of(sent, counted)
    stored = {}
    for part in (order[:first], order[first:]):
        batch = sorted((ours[n] for n in part), key=lambda one: one.at)
        earlier = [Earlier(stored[n].at, stored[n].volume_ml, n) for n in sorted(stored)]
        newest = {1: earlier[-1]} if earlier else {}
        late = {one.place: [e for e in earlier if e.at <= one.at][-1:] for one in batch}
        before = Before(newest, {place: found[0] for place, found in late.items() if found})
        counters = {n: stored[n].read.counter for n in stored}
        assert judge(batch, before, Evidence(frozenset(), counters)) == {}
        stored |= {one.place: one for one in batch}


@given(honest(), st.data())
def test_whatever_is_sent_again_later_is_held_if_the_meter_counts(meter, data):
    sent, _, _ = meter
    ours = candidates_of(sent, counted=True)
    again = ours[data.draw(st.integers(0, len(ours) - 1))]
    replay = again._replace(place=99, at=ours[-1].at + timedelta(minutes=data.draw(st.integers(1, 10_000))))
    assert list(judge([*ours, replay], Before({}, {}), Evidence())) == [99]


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 5))
def test_a_fall_beyond_backflow_is_held_but_for_a_meter_that_insists(volume, fall, waiting):
    volume, fall = volume + fall, 1000 * fall
    (one,) = candidates_of([(NOW, 1000 * volume - fall, 0)], counted=False)
    before = Before({1: Earlier(NOW - timedelta(hours=1), 1000 * volume, 7)}, {})
    held = judge([one], before, Evidence(insisted={ADDRESS[:2]: waiting}))
    assert bool(held) == (fall > BACKFLOW_ML and waiting < 2)
    assert [one for one, _ in find_suspects([one], before)] == [one]
