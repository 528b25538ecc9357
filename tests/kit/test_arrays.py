from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub.kit import arrays

ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def back(engine, kind, literal):
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT unnest(CAST(:a AS {kind}[]))"), {"a": literal}).scalars())


@ONE_DATABASE
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_integers_come_back_as_they_went(engine, values):
    assert back(engine, "bigint", arrays.integers(values)) == values


@ONE_DATABASE
@given(
    st.lists(
        st.datetimes(
            datetime(1990, 1, 1),
            datetime(2100, 1, 1),
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(minutes=570))]),
        )
        | st.none()
    )
)
def test_instants_come_back_to_the_microsecond(engine, values):
    assert back(engine, "timestamptz", arrays.instants(values)) == values


@ONE_DATABASE
@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)) | st.none()))
def test_a_meters_own_clock_comes_back_without_a_zone(engine, values):
    assert back(engine, "timestamp", arrays.instants(values)) == values


@ONE_DATABASE
@given(st.lists(st.binary(max_size=80)))
def test_frames_come_back_byte_for_byte(engine, values):
    assert [bytes(value) for value in back(engine, "bytea", arrays.binaries(values))] == values


@ONE_DATABASE
@given(st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_text_comes_back_whatever_is_in_it(engine, values):
    assert back(engine, "text", arrays.texts([*values, "NULL", "null", "", "a,b", '"', "\\"])) == [
        *values, "NULL", "null", "", "a,b", '"', "\\",
    ]  # fmt: skip
