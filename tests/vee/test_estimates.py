from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub.readings.hourly import Kind, Quality, RegisterRead, hourly_volumes
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead
from meterhub.readings.rollup import ask_for_everything
from meterhub.vee.estimation import Gap, fill, forecast
from tests.vee.stored import HOUR, START, findings, make_meter, night, settings, store, work

ZONE = settings().tz
CAPACITY = 10**11


def daily_use(meter_id, hours, first=0):
    """A home that uses water from 6 to 9 and from 18 to 21 (UTC)."""
    volume, reads = 100_000_000, []
    for n in range(first + hours):
        if n >= first:
            reads.append(NewRead(meter_id, START + n * HOUR, volume))
        volume += 20_000 if n % 24 in (6, 7, 8, 18, 19, 20) else 1_000
    return reads


def hours(engine, table="hourly_volume"):
    with engine.connect() as connection:
        return [
            tuple(r)
            for r in connection.execute(text(f"SELECT hour, volume_ml, quality FROM {table} ORDER BY hour"))
        ]


@given(
    st.dictionaries(st.integers(0, 700), st.integers(0, 10**6), min_size=340),
    st.integers(0, 10**7),
    st.integers(4 * 3600, 30 * 86400),
    st.integers(0, 3599),
)
def test_the_hours_of_an_estimated_gap_sum_exactly_to_the_difference_of_its_registers(
    use, total, length_s, offset_s
):
    known = {START + n * HOUR: volume for n, volume in use.items()}
    before = START + 701 * HOUR + timedelta(seconds=offset_s)
    gap = Gap(before, 5_000, before + timedelta(seconds=length_s), 5_000 + total)
    estimate = fill(gap, known, CAPACITY, ZONE)
    if estimate is None:
        return
    reads = [
        RegisterRead(START + 700 * HOUR, 5_000),
        RegisterRead(gap.before_at, gap.before_ml),
        *(
            RegisterRead(estimate.first_at + n * HOUR, r, Kind.ESTIMATE)
            for n, r in enumerate(estimate.registers_ml)
        ),
        RegisterRead(gap.after_at, gap.after_ml),
        RegisterRead(gap.after_at + 2 * HOUR, gap.after_ml),
    ]
    derived = hourly_volumes(reads)
    assert sum(hour.volume_ml for hour in derived) == total
    assert all(hour.volume_ml >= 0 for hour in derived)
    inside = [h for h in derived if gap.before_at <= h.hour - HOUR and h.hour + 2 * HOUR <= gap.after_at]
    assert all(hour.quality is Quality.ESTIMATED for hour in inside)


def test_a_gap_is_filled_with_the_home_s_own_habits_and_its_sum_stays_that_of_the_registers(engine):
    meter = make_meter(engine)
    reads = daily_use(meter, 24 * 30)
    store(engine, [read for n, read in enumerate(reads) if not 24 * 20 + 2 < n < 24 * 22 + 5])
    work(engine)
    derived = {hour: volume for hour, volume, _ in hours(engine)}
    truth = {a.at: b.volume_ml - a.volume_ml for a, b in pairwise(reads)}
    assert sum(derived.values()) == reads[-1].volume_ml - reads[0].volume_ml
    assert max(abs(derived[hour] - truth[hour]) for hour in truth) <= 20
    gap = [quality for hour, _, quality in hours(engine) if START + 484 * HOUR <= hour < START + 530 * HOUR]
    assert set(gap) == {int(Quality.ESTIMATED)}


def test_an_estimate_gives_way_when_the_reads_arrive_and_a_rebuild_changes_nothing(engine):
    meter = make_meter(engine)
    reads = daily_use(meter, 24 * 30)
    store(engine, [read for n, read in enumerate(reads) if not 482 < n < 533])
    work(engine)
    before = hours(engine)
    ask_for_everything(engine)
    assert sum(step.hours for step in roll_up(engine)) == 0
    assert hours(engine) == before
    store(engine, reads[483:533])
    work(engine)
    assert {quality for _, _, quality in hours(engine)} == {int(Quality.MEASURED)}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM gap_estimate")).scalar_one() == 0


def test_a_silent_meter_is_continued_by_like_days_until_it_is_heard_again(engine):
    meter = make_meter(engine)
    reads = daily_use(meter, 24 * 30)
    store(engine, reads[: 24 * 20])
    work(engine)
    night(engine, START + timedelta(days=23))
    list(roll_up(engine))
    continued = hours(engine)
    assert continued[-1][0] == START + timedelta(days=23) - HOUR
    truth = {a.at: b.volume_ml - a.volume_ml for a, b in pairwise(reads)}
    assert all(volume == truth[hour] for hour, volume, _ in continued)
    assert "gap" in findings(engine)
    store(engine, reads[24 * 20 :])
    work(engine, START + timedelta(days=30))
    assert {quality for _, _, quality in hours(engine)} == {int(Quality.MEASURED)}


def test_saturdays_and_sundays_stand_in_only_for_themselves_and_midweek_days_for_each_other():
    monday = START.replace(day=2)
    known = {monday + timedelta(days=d, hours=h): d + 1 for d in range(7) for h in range(24)}
    gap = Gap(monday + timedelta(days=7), 0)
    estimate = forecast(gap, monday + timedelta(days=14), known, CAPACITY, ZONE)
    steps = [b - a for a, b in zip((0, *estimate.registers_ml), estimate.registers_ml, strict=False)]
    noon = [steps[24 * day + 12] for day in range(7)]
    assert noon == [1, 4, 4, 4, 5, 6, 7]
