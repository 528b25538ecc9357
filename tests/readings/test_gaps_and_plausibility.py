from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.errors import BadInput
from meterhub.readings import service
from meterhub.readings.gaps import gaps
from meterhub.readings.repository import NewRead
from meterhub.readings.schemas import ManualSource, NewManualRead
from tests.vee.stored import HOUR, START, exchange, make_meter, steady, store, work

NOW = START + 40 * 24 * HOUR


def found(engine, point_id=None, least_hours=1, days=10):
    with engine.connect() as connection:
        rows = gaps(connection, point_id, START, START + days * 24 * HOUR, least_hours=least_hours, limit=100)
    return [(row.point_code, (row.start - START) / HOUR, row.hours, row.kind) for row in rows]


def test_the_gaps_of_a_point_are_its_missing_and_its_estimated_hours(engine):
    meter = make_meter(engine)
    store(engine, [*steady(meter, 49, first=24), *steady(meter, 97, first=96)])
    work(engine)
    assert found(engine, 1) == [
        ("MP-1", 192, 48, "missing"),
        ("MP-1", 0, 24, "missing"),
        ("MP-1", 72, 24, "estimated"),
    ]


def test_the_town_s_gaps_leave_out_points_that_are_whole(engine):
    for number in (1, 2, 3):
        meter = make_meter(engine, number)
        reads = steady(meter, 24 * 10 + 1)
        store(engine, [read for n, read in enumerate(reads) if number != 2 or not 30 < n < 60])
    work(engine)
    assert found(engine, least_hours=24) == [("MP-2", 30, 30, "estimated")]


def test_an_exchange_with_its_reads_leaves_no_gap(engine):
    old, new = make_meter(engine, 1), make_meter(engine, 2)
    at = START + 30.5 * HOUR
    exchange(engine, old, new, at)
    from meterhub.readings.repository import Source

    reads = [
        *steady(old, 31),
        NewRead(old, at, 100_305_000, Source.REMOVAL),
        NewRead(new, at, 0, Source.INSTALLATION),
    ]
    store(engine, [*reads, *steady(new, 211, first=31, start_l=0)])
    work(engine)
    assert found(engine, 1) == []


def a_read(volume_m3, source=ManualSource.UTILITY, *, confirm=False):
    return NewManualRead(at=START + 30 * 24 * HOUR, volume_m3=Decimal(volume_m3), source=source, confirm=confirm)


@pytest.fixture
def read_for_weeks(engine):
    meter = make_meter(engine)
    store(engine, steady(meter, 24 * 20 + 1))
    work(engine)
    return engine


@pytest.mark.parametrize(
    ("volume", "doubt"),
    [("106.000", None), ("104.000", "lower than the read before"), ("160.000", "far more"), ("104.900", None)],
)
def test_the_preview_says_whether_a_read_fits_to_those_before_and_to_the_usual_use(read_for_weeks, volume, doubt):
    with read_for_weeks.begin() as connection:
        _, judged = service.judge_read(connection, "MP-1", a_read(volume), now=NOW)
    assert judged.plausible is (doubt is None)
    assert judged.usual_m3_a_day == Decimal("0.24")
    if doubt:
        assert doubt in judged.doubts[0]


def test_the_utility_may_confirm_what_is_not_plausible_and_a_customer_may_not(read_for_weeks):
    for read in (a_read("160.000"), a_read("160.000", ManualSource.CUSTOMER, confirm=True)):
        with read_for_weeks.begin() as connection, pytest.raises(BadInput, match="far more"):
            service.take_read(connection, SYSTEM, "MP-1", read, now=NOW)
    with read_for_weeks.begin() as connection:
        service.take_read(connection, SYSTEM, "MP-1", a_read("160.000", confirm=True), now=NOW)
        count = connection.execute(
            text("SELECT count(*) FROM register_read WHERE source = 'utility'")
        ).scalar_one()
    assert count == 1


def test_consumption_counts_its_hours_by_quality(read_for_weeks):
    with read_for_weeks.begin() as connection:
        result = service.read_consumption(
            connection,
            SYSTEM,
            "MP-1",
            since=START,
            until=START + timedelta(days=2),
            resolution="month",
            zone="UTC",
        )
    assert [value.by_quality for value in result.values] == [{"measured": 48}]


def test_days_of_a_clock_change_have_23_and_25_hours(engine):
    meter = make_meter(engine)
    spring = [NewRead(meter, START + n * HOUR, n * 1000) for n in range(24 * 40)]
    autumn = [NewRead(meter, START + (24 * 230 + n) * HOUR, 10**9 + n * 1000) for n in range(24 * 20)]
    store(engine, [*spring, *autumn])
    work(engine)
    with engine.begin() as connection:
        result = service.read_consumption(
            connection,
            SYSTEM,
            "MP-1",
            since=START,
            until=START + timedelta(days=250),
            resolution="day",
            zone="Europe/Helsinki",
        )
    by_day = {value.start: value for value in result.values}
    days = {start.date().isoformat(): (value.hours, value.volume_m3) for start, value in by_day.items()}
    assert days["2026-03-28"] == (23, Decimal("0.023"))  # begins on the 28th at 22:00 UTC, is the 29th in Helsinki
    assert days["2026-10-24"] == (25, Decimal("0.025"))
