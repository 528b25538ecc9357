"""Dated registers in telegrams fill gaps, once, and only where nothing speaks against them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub import explain
from meterhub.explain import Verdict
from meterhub.ingest.history import HOME_LIMIT_ML_H, Around, PastRegister, fill, fits, local_time
from meterhub.ingest.history_jobs import fill_history
from meterhub.readings.jobs import roll_up
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message, encode
from meterhub.wmbus.history import DatedRegister
from tests.ingest.test_service import SETTINGS, Hub

ZONE = ZoneInfo("Europe/Helsinki")
AUTUMN = datetime(2025, 10, 15, 12, tzinfo=UTC)
SPRING = datetime(2026, 4, 10, 12, tzinfo=UTC)
MONTH_ENDS = [date(2025, 10, 31), date(2025, 11, 30), date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28)]


def midnight_after(day):
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE).astimezone(UTC)


def litres_at(at):
    """Return the register of a meter that passes 10 litres an hour."""
    return 10 * int((at - datetime(2025, 1, 1, tzinfo=UTC)) / timedelta(hours=1))


def telegram(litres, past=(), serial="10000001"):
    """Return a plain telegram with a register and registers of past days [l]."""
    records = [DataRecord.of("0413", Decimal(litres) / 1000)]
    for number, (day, then) in enumerate(past, start=8):
        odd, upper = (number & 1) << 6, number >> 1
        records.append(DataRecord.of(f"{0x84 | odd:02X}{upper:02X}13", Decimal(then) / 1000))
        records.append(DataRecord.of(f"{0x82 | odd:02X}{upper:02X}6C", day))
    return encode(Message(Address("ABC", serial, 1, 7), tuple(records))).hex()


def months(until=SPRING):
    return [(day, litres_at(midnight_after(day))) for day in MONTH_ENDS if midnight_after(day) < until]


def fill_all(hub, now=SPRING, **only):
    return sum(step.reads for step in fill_history(hub.engine, SETTINGS, now, **only))


def install(hub, meter_id, since, until=None):
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "WITH p AS (INSERT INTO property (property_code, street, postal_code, city) "
                "VALUES (CAST(:meter AS text), 'Rantatie 1', '00100', 'Helsinki') RETURNING id), "
                "m AS (INSERT INTO metering_point (point_code, property_id, services) "
                "SELECT 'P-' || CAST(:meter AS text), id, '{water}' FROM p RETURNING id) "
                "INSERT INTO installation (meter_id, metering_point_id, valid) "
                "SELECT CAST(:meter AS integer), id, tstzrange(:since, :until) FROM m"
            ),
            {"meter": meter_id, "since": since, "until": until},
        )


def historic(hub):
    return hub.rows(
        "SELECT r.at, r.volume_ml / 1000 FROM register_read r JOIN historic_read h USING (meter_id, at) ORDER BY 1"
    )


@pytest.fixture
def hub(engine):
    hub = Hub(engine)
    meter_id = hub.register("ABC", "10000001")
    install(hub, meter_id, AUTUMN - timedelta(days=1))
    return hub


def test_a_meter_heard_again_after_a_silent_winter_gets_its_month_ends(hub):
    hub.send((telegram(litres_at(AUTUMN)), AUTUMN))
    hub.send((telegram(litres_at(SPRING), months()), SPRING))
    assert fill_all(hub) == 5
    assert historic(hub) == [(midnight_after(day), litres) for day, litres in months()]
    frames = hub.rows("SELECT DISTINCT raw_frame_id FROM historic_read")
    assert frames == hub.rows("SELECT max(id) FROM raw_frame")
    assert hub.rows("SELECT min(meter_at) FROM register_read WHERE meter_at IS NOT NULL") == [
        (datetime(2025, 11, 1),)
    ]
    list(roll_up(hub.engine))
    ((total, hours, best),) = hub.rows("SELECT sum(volume_ml), count(*), min(quality) FROM hourly_volume")
    assert total == 1000 * (litres_at(SPRING) - litres_at(AUTUMN))
    assert hours == (SPRING - AUTUMN) / timedelta(hours=1)
    assert best == 3  # nothing between is called measured


def test_looking_again_adds_nothing_even_where_a_person_set_a_register_aside(hub):
    hub.send((telegram(litres_at(AUTUMN)), AUTUMN))
    hub.send((telegram(litres_at(SPRING), months()), SPRING))
    assert fill_all(hub) == 5
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO read_edit (meter_id, read_id, read_at, reason, actor) "
                "SELECT meter_id, id, at, 'wrong', 'clerk' FROM register_read ORDER BY id DESC LIMIT 1"
            )
        )
    assert fill_all(hub) == 0
    assert fill_all(hub, SPRING + timedelta(days=1)) == 0
    assert fill_all(hub, meter_id=1) == 0
    assert len(historic(hub)) == 5


def test_the_past_before_the_installation_is_left_out(engine):
    hub = Hub(engine)
    install(hub, hub.register("ABC", "10000001"), midnight_after(MONTH_ENDS[2]) - timedelta(days=5))
    hub.send((telegram(litres_at(SPRING), months()), SPRING))
    assert fill_all(hub) == 3
    assert historic(hub)[0][0] == midnight_after(MONTH_ENDS[2])


def test_an_installation_that_is_told_later_is_used_for_that_meter_at_once(engine):
    hub = Hub(engine)
    meter_id = hub.register("ABC", "10000001")
    hub.send((telegram(litres_at(SPRING), months()), SPRING))
    assert fill_all(hub) == 0
    install(hub, meter_id, AUTUMN)
    assert fill_all(hub, meter_id=meter_id) == 5


@pytest.mark.parametrize("wrong", [-3_000_000, 3_000_000])
def test_a_register_that_its_neighbours_contradict_is_not_taken(hub, wrong):
    hub.send((telegram(litres_at(AUTUMN) + 3_000_000), AUTUMN))
    past = [(day, litres + 3_000_000 + (wrong if n == 2 else 0)) for n, (day, litres) in enumerate(months())]
    hub.send((telegram(litres_at(SPRING) + 3_000_000, past), SPRING))
    assert fill_all(hub) == 4
    assert midnight_after(MONTH_ENDS[2]) not in dict(historic(hub))


def test_where_reads_are_near_no_register_of_the_past_is_needed(hub):
    near = midnight_after(MONTH_ENDS[1]) - timedelta(hours=35)
    hub.send(*((telegram(litres_at(at)), at) for at in (AUTUMN, near)))
    hub.send((telegram(litres_at(SPRING), months()), SPRING))
    assert fill_all(hub) == 4
    assert midnight_after(MONTH_ENDS[1]) not in dict(historic(hub))


def test_an_honest_telegram_that_comes_late_is_not_held_because_of_a_register_of_the_past(hub):
    hub.send((telegram(litres_at(AUTUMN)), AUTUMN))
    past = [(MONTH_ENDS[3], litres_at(midnight_after(MONTH_ENDS[3])) + 5000)]
    hub.send((telegram(litres_at(SPRING), past), SPRING))
    assert fill_all(hub) == 1
    late = midnight_after(MONTH_ENDS[3]) + timedelta(days=1)
    assert litres_at(late) < historic(hub)[0][1] - 1000
    assert hub.send((telegram(litres_at(late)), late), gateway=2) == (1, 0, 0)


def test_a_read_of_the_past_is_explained_from_the_frame_that_told_it(hub):
    hub.send((telegram(litres_at(AUTUMN)), AUTUMN))
    hub.send((telegram(litres_at(SPRING), months()), SPRING))
    fill_all(hub)
    ids = [row[0] for row in hub.rows("SELECT id FROM register_read ORDER BY at")]

    def told():
        with hub.engine.connect() as connection:
            return [explain.read(connection, SETTINGS, read_id) for read_id in ids]

    assert [one.agrees for one in told()] == [True] * 7
    assert "historic register consumption_at_set_date_8_m3 of 2025-11-01" in told()[1].steps[1].title
    assert told()[1].frame.received_at == SPRING
    with hub.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("UPDATE register_read SET volume_ml = volume_ml + 1 WHERE id = :id"), {"id": ids[1]}
        )
    (step,) = [step for step in told()[1].steps if step.verdict is Verdict.DIFFERS]
    assert "historic register" in step.title


def test_a_meter_without_dated_registers_is_left_alone_for_a_week(hub):
    hub.send((telegram(litres_at(SPRING)), SPRING))
    assert [step.meters for step in fill_history(hub.engine, SETTINGS, SPRING)] == [1]
    assert not list(fill_history(hub.engine, SETTINGS, SPRING + timedelta(days=6)))
    assert list(fill_history(hub.engine, SETTINGS, SPRING + timedelta(days=8)))


@pytest.mark.parametrize(
    ("on", "meant"),
    [
        (date(2025, 12, 31), datetime(2026, 1, 1)),
        (date(2026, 1, 1), datetime(2026, 1, 1)),
        (date(2026, 1, 15), datetime(2026, 1, 16)),
    ],
)
def test_a_date_means_its_end_and_the_first_of_a_month_its_start(on, meant):
    assert local_time(DatedRegister(on, None, Decimal(1), "target_m3")) == meant


def test_more_flow_than_the_meter_can_pass_is_not_believed():
    before, at, after = AUTUMN, AUTUMN + timedelta(days=10), AUTUMN + timedelta(days=20)
    limit = 240 * HOME_LIMIT_ML_H
    known = Around((before, 0), (after, 3 * limit), before)
    assert not fits(PastRegister(at, at.replace(tzinfo=None), limit, ""), known, HOME_LIMIT_ML_H)
    assert fits(
        PastRegister(at, at.replace(tzinfo=None), limit, ""), known._replace(after=(after, limit)), HOME_LIMIT_ML_H
    )


def test_of_two_registers_close_to_each_other_the_first_is_taken():
    first, second = (PastRegister(AUTUMN + timedelta(days=d), AUTUMN, d, "") for d in (10, 11))
    known = Around((AUTUMN, 0), (AUTUMN + timedelta(days=30), 30), AUTUMN)
    assert fill([first, second], {first.at: known, second.at: known}, 5) == [first]


SERIALS = count(20_000_000)
HEARD = [AUTUMN + timedelta(days=days) for days in (0, 17, 46, 78, 108, 130, 160, 177)]


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(HEARD), kept=st.integers(2, len(HEARD)), looks=st.sets(st.integers(0, len(HEARD))))
def test_whatever_is_heard_in_any_order_the_hours_sum_to_the_register(hub, order, kept, looks):
    serial = str(next(SERIALS))
    meter_id = hub.register("ABC", serial)
    install(hub, meter_id, AUTUMN - timedelta(days=1))
    heard = order[:kept]
    for number, at in enumerate(heard):
        assert hub.send((telegram(litres_at(at), months(at), serial), at)) == (1, 0, 0)
        if number in looks or number == kept - 1:
            fill_all(hub, meter_id=meter_id)
            list(roll_up(hub.engine))
    reads = hub.rows(f"SELECT at, volume_ml FROM register_read WHERE meter_id = {meter_id} ORDER BY at")
    assert all(volume == 1000 * litres_at(at) for at, volume in reads)
    assert len({at for at, _ in reads}) == len(reads)
    ((total,),) = hub.rows(f"SELECT sum(volume_ml) FROM hourly_volume WHERE meter_id = {meter_id}")
    assert total == reads[-1][1] - reads[0][1]
