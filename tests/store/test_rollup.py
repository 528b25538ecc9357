import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub.readings import rollup
from meterhub.readings.hourly import RegisterRead, hourly_volumes
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, Source, store_reads
from meterhub.readings.rollup import ask_for_everything
from tests.store.conftest import empty

START = datetime(2026, 3, 28, 22, tzinfo=UTC)

reads_in_batches = st.lists(
    st.lists(
        st.tuples(
            st.integers(1, 2),
            st.one_of(st.integers(0, 40 * 3600).map(lambda s: s * 1_000_000), st.integers(0, 40 * 3600 * 10**6)),
            st.one_of(st.integers(0, 10**9), st.integers(0, 7 * 10**14)),
        ),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=5,
)


def make_meters(engine):
    empty(engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO meter (manufacturer, serial, digits) VALUES ('KAM', '1', 9), ('KAM', '2', 9)")
        )


def stored_hours(engine, meter_id):
    with engine.connect() as connection:
        query = text("SELECT hour, volume_ml, quality FROM hourly_volume WHERE meter_id = :m ORDER BY hour")
        return [tuple(row) for row in connection.execute(query, {"m": meter_id})]


def expected_hours(batches, meter_id):
    flat = [(at, n, ml) for n, (m, at, ml) in enumerate(x for batch in batches for x in batch) if m == meter_id]
    reads = [RegisterRead(START + timedelta(microseconds=at), ml) for at, _, ml in sorted(flat)]
    return [(h.hour, h.volume_ml, int(h.quality)) for h in hourly_volumes(reads)]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reads_in_batches)
def test_rolling_up_only_what_changed_gives_what_the_definition_gives(store, batches):
    make_meters(store)
    for batch in batches:
        with store.begin() as connection:
            store_reads(
                connection,
                [NewRead(m, START + timedelta(microseconds=at), ml, Source.AMR) for m, at, ml in batch],
            )
        assert list(roll_up(store))
    for meter_id in (1, 2):
        assert stored_hours(store, meter_id) == expected_hours(batches, meter_id)


def test_rebuilding_everything_changes_nothing(store):
    make_meters(store)
    with store.begin() as connection:
        reads = [NewRead(1, START + timedelta(minutes=61 * n), 1234 * n * n) for n in range(60)]
        store_reads(connection, reads)
    list(roll_up(store))
    before = stored_hours(store, 1)
    assert ask_for_everything(store) == 1
    assert [step.hours for step in roll_up(store)] == [0]
    assert stored_hours(store, 1) == before
    assert len(before) == 59


def test_reads_that_arrive_while_a_meter_is_being_taken_are_rolled_up_too(engine, monkeypatch):
    """The note of what is due is changed after the statement that takes it has begun."""
    make_meters(engine)

    def store(*hours):
        with engine.begin() as connection:
            store_reads(connection, [NewRead(1, START + n * timedelta(hours=1), 1000 * n * n) for n in hours])

    store(0, 1, 2)
    taking, slowly = "FROM rollup_due ORDER BY", "FROM rollup_due WHERE pg_sleep(1) IS NOT NULL ORDER BY"
    assert taking in rollup._TAKE_DUE.text
    with ThreadPoolExecutor(1) as thread, monkeypatch.context() as patched:
        patched.setattr(rollup, "_TAKE_DUE", text(rollup._TAKE_DUE.text.replace(taking, slowly)))
        step = thread.submit(rollup.roll_up_some, engine)
        time.sleep(0.4)
        store(3, 4, 5, 6, 7, 8)
        step.result()
    list(roll_up(engine))
    assert [volume for _, volume, _ in stored_hours(engine, 1)] == [1000 * (2 * n + 1) for n in range(8)]


def test_nothing_due_does_nothing(store):
    assert list(roll_up(store)) == []
