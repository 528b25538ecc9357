from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text

from meterhub.readings.editing import By, set_aside
from meterhub.readings.repository import NewRead
from tests.vee.stored import HOUR, START, exchange, findings, make_meter, night, steady, store, work


def a_spike(meter_id):
    return NewRead(meter_id, START + 9.5 * HOUR, 300_000_000)


def test_a_spike_that_arrives_is_found_once_however_often_it_is_checked(engine):
    meter = make_meter(engine)
    store(engine, [*steady(meter, 24), a_spike(meter)])
    assert work(engine)["new"] == 1
    assert findings(engine) == ["spike"]
    store(engine, [NewRead(meter, START + 9.75 * HOUR, 100_097_000)])
    counts = work(engine)
    assert (counts["new"], counts["gone"]) == (0, 0)


def test_a_finding_closes_by_itself_when_its_read_is_set_aside_and_returns_when_that_is_undone(engine):
    meter = make_meter(engine)
    store(engine, [*steady(meter, 24), a_spike(meter)])
    work(engine)
    with engine.begin() as connection:
        spike = connection.execute(text("SELECT id FROM register_read WHERE volume_ml = 300000000")).scalar_one()
        edit = set_aside(connection, spike, By("clerk", "wrong digit"))
    assert work(engine)["gone"] == 1
    assert findings(engine, "closed") == ["spike"]
    with engine.begin() as connection:
        from meterhub.readings.editing import undo_read_edit

        undo_read_edit(connection, edit, By("clerk", "it was right"))
    assert work(engine)["again"] == 1
    assert findings(engine) == ["spike"]


def test_a_dismissed_finding_is_never_raised_again(engine):
    meter = make_meter(engine)
    store(engine, [*steady(meter, 24), a_spike(meter)])
    work(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE finding SET state = 'dismissed'"))
    store(engine, steady(meter, 6, first=24))
    work(engine)
    store(engine, [NewRead(meter, START + 9.6 * HOUR, 100_096_000)])
    work(engine)
    assert findings(engine) == []
    assert findings(engine, "dismissed") == ["spike"]


def test_a_gap_is_found_at_night_and_closes_when_late_reads_fill_it(engine):
    meter = make_meter(engine)
    store(engine, [*steady(meter, 24), *steady(meter, 24, first=72)])
    work(engine)
    night(engine, START + 96 * HOUR)
    assert findings(engine) == ["gap"]
    store(engine, steady(meter, 48, first=24))
    work(engine)
    night(engine, START + 120 * HOUR)
    assert "gap" in findings(engine, "closed")


def test_a_night_that_was_broken_off_goes_on_with_the_meters_that_are_left(engine, monkeypatch):
    from meterhub.vee import jobs
    from tests.vee.stored import settings

    for number in range(1, 4):
        store(engine, steady(make_meter(engine, number), 24))
    work(engine)
    monkeypatch.setattr(jobs, "METERS_A_TRANSACTION", 1)
    now = START + 24 * HOUR
    next(jobs.check_night(engine, settings(), now))
    assert len(list(jobs.check_night(engine, settings(), now))) == 2
    assert list(jobs.check_night(engine, settings(), now)) == []


def test_an_exchange_without_reads_is_found_and_one_with_reads_is_not(engine):
    old, new = make_meter(engine, 1), make_meter(engine, 2)
    at = START + 10.25 * HOUR
    exchange(engine, old, new, at)
    store(engine, [*steady(old, 10), *steady(new, 12, first=8, start_l=0, litres=1)])
    work(engine)
    night(engine, START + 20 * HOUR)
    assert findings(engine).count("exchange-without-read") == 2


def test_a_meter_on_local_time_is_right_in_the_hour_that_comes_twice_in_autumn(engine):
    meter = make_meter(engine)
    since = datetime(2026, 10, 24, 20, tzinfo=UTC)
    reads = [since + n * HOUR for n in range(12)]
    clock = ZoneInfo("Europe/Helsinki")
    store(
        engine,
        [
            NewRead(meter, at, 100_000_000 + n * 1000, meter_at=at.astimezone(clock).replace(tzinfo=None))
            for n, at in enumerate(reads)
        ],
    )
    work(engine, reads[-1])
    assert findings(engine) == []
