from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meterhub.kit.hours import ceil_hour, floor_hour
from meterhub.readings.hourly import HourlyVolume, Quality, RegisterRead, hourly_volumes, register_at

START = datetime(2026, 3, 1, tzinfo=UTC)


def read(minutes: float, volume_ml: int) -> RegisterRead:
    return RegisterRead(START + timedelta(minutes=minutes), volume_ml)


series = st.lists(
    st.tuples(st.integers(1, 300 * 60_000_000), st.integers(-5_000, 900_000)), min_size=2, max_size=30
).map(
    lambda steps: [
        RegisterRead(
            START + timedelta(microseconds=sum(s[0] for s in steps[: i + 1])),
            10**9 + sum(s[1] for s in steps[: i + 1]),
        )
        for i in range(len(steps))
    ]
)


def test_reads_on_the_hour_give_their_differences():
    hours = hourly_volumes([read(0, 1000), read(60, 1500), read(120, 1500)])
    assert hours == [
        HourlyVolume(START, 500, Quality.MEASURED),
        HourlyVolume(START + timedelta(hours=1), 0, Quality.MEASURED),
    ]


def test_a_read_between_hours_is_shared_out_by_time():
    hours = hourly_volumes([read(30, 0), read(90, 1000), read(150, 1000)])
    assert [(h.volume_ml, h.quality) for h in hours] == [(500, Quality.INTERPOLATED)]


def test_a_half_millilitre_is_rounded_up_at_the_register_so_nothing_is_lost():
    assert register_at(read(0, 0), read(120, 1), START + timedelta(hours=1)) == 1
    assert register_at(read(0, 0), read(120, -1), START + timedelta(hours=1)) == 0
    assert [h.volume_ml for h in hourly_volumes([read(0, 0), read(120, 1)])] == [1, 0]


def test_a_long_gap_is_marked_as_estimated_but_its_total_is_kept():
    hours = hourly_volumes([read(0, 0), read(600, 1000)])
    assert sum(h.volume_ml for h in hours) == 1000
    assert hours[4].quality is Quality.ESTIMATED


def test_of_two_reads_at_one_instant_the_later_counts():
    assert [h.volume_ml for h in hourly_volumes([read(0, 0), read(60, 7), read(60, 9)])] == [9]


def test_no_read_or_one_read_gives_no_hour():
    assert hourly_volumes([]) == []
    assert hourly_volumes([read(0, 5)]) == []


@given(series)
def test_the_hours_of_any_reads_sum_exactly_to_the_registers_at_their_ends(reads):
    hours = hourly_volumes(reads)
    if not hours:
        assert ceil_hour(reads[0].at) + timedelta(hours=1) > floor_hour(reads[-1].at)
        return
    assert [h.hour for h in hours] == [hours[0].hour + timedelta(hours=n) for n in range(len(hours))]
    first, last = hours[0].hour, hours[-1].hour + timedelta(hours=1)
    around = [next((a, b) for a, b in pairwise(reads) if a.at <= t <= b.at) for t in (first, last)]
    assert sum(h.volume_ml for h in hours) == register_at(*around[1], last) - register_at(*around[0], first)
