from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.ingest.capture_times import TimeReader

HELSINKI = ZoneInfo("Europe/Helsinki")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01 12:00:00.00Z",
        "2026-03-01 12:00:00,000Z",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01 14:00",
        "2026-03-01_14:00:00",
        " 2026-03-01 14:00:00.000 ",
        1772366400,
        "1772366400",
        "1772366400.0",
        "1772366400000",
        1772366400.0,
    ],
)
def test_times_are_read_as_captures_write_them(written):
    assert TimeReader(HELSINKI).read(written) == NOON


def test_a_format_that_is_told_is_the_only_one():
    times = TimeReader(HELSINKI, "%d.%m.%Y %H:%M")
    assert times.read("01.03.2026 14:00") == NOON
    with pytest.raises(ValueError, match="is not written as"):
        times.read("2026-03-01 14:00")
    assert TimeReader(HELSINKI, "%Y%m%d%H%M%z").read("202603011300+0100") == NOON


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("noon", "no time in ISO 8601"),
        ("01.03.2026 14:00", "no time in ISO 8601"),
        ("2026-02-30 12:00", "no time in ISO 8601"),
        ("9" * 30, "out of range"),
        ("9999-12-31T23:59:59-12:00", "out of range"),
        ("2026-03-29 03:30:00", "does not exist in Europe/Helsinki"),
    ],
)
def test_a_time_that_is_none_is_refused(written, problem):
    with pytest.raises(ValueError, match=problem):
        TimeReader(HELSINKI).read(written)


def test_in_the_hour_that_autumn_repeats_a_log_goes_on():
    times = TimeReader(HELSINKI)
    written = ["02:50", "03:10", "03:50", "03:10", "03:50", "04:10"]
    found = [times.read(f"2026-10-25 {clock}:00") for clock in written]
    first = datetime(2026, 10, 24, 23, 50, tzinfo=UTC)
    assert [(at - first) // timedelta(minutes=1) for at in found] == [0, 20, 60, 80, 120, 140]


INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(INSTANTS, st.sampled_from(["Europe/Helsinki", "Europe/Oslo", "UTC", "America/Bogota"]))
def test_a_time_with_its_offset_is_read_exactly(at, zone):
    assert TimeReader(HELSINKI).read(at.astimezone(ZoneInfo(zone)).isoformat()) == at
    assert TimeReader(HELSINKI).read(at.isoformat().replace("+00:00", "Z")) == at


@given(st.integers(0, 24 * 12), st.integers(1, 24 * 60))
def test_a_log_in_local_time_that_goes_on_steadily_is_read_exactly(start, minutes):
    begun = datetime(2026, 10, 24, tzinfo=UTC) + timedelta(minutes=5 * start)
    step = timedelta(minutes=min(minutes, 29))
    instants = [begun + n * step for n in range(60)]
    times = TimeReader(HELSINKI)
    times.read(begun.isoformat())
    for at in instants:
        local = at.astimezone(HELSINKI).replace(tzinfo=None)
        assert times.read(local.isoformat()) == at


@given(st.text(max_size=30) | st.floats() | st.integers())
def test_anything_is_a_time_or_a_value_error(written):
    for form in (None, "%Y-%m-%d"):
        try:
            found = TimeReader(HELSINKI, form).read(written)
        except ValueError:
            continue
        assert found.tzinfo is UTC
