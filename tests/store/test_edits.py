"""Whatever is stored, edited and undone, in whatever order: the hours are what the definition makes of it."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub.errors import Conflict
from meterhub.kit.hours import HOUR
from meterhub.readings.editing import By, edit_hours, set_aside, undo_hour_edit, undo_read_edit
from meterhub.readings.hourly import Kind, Quality, RegisterRead, hourly_volumes
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, Source, store_reads
from meterhub.readings.rollup import ask_for_everything
from tests.store.conftest import empty

START = datetime(2026, 10, 24, 20, tzinfo=UTC)
DIGITS = 3
CAPACITY = 10**DIGITS * 10**6
BY = By("clerk", "because")
KINDS = {Source.INSTALLATION: Kind.INSTALLATION, Source.REMOVAL: Kind.REMOVAL}

a_read = st.tuples(
    st.just("read"),
    st.one_of(st.integers(0, 30 * 4).map(lambda q: q * 900), st.integers(0, 30 * 3600)),
    # small steps, past the end of the register and back
    st.integers(-(10**7), 10**7).map(lambda ml: ml % CAPACITY),
    st.sampled_from([Source.AMR] * 6 + [Source.INSTALLATION, Source.REMOVAL, Source.UTILITY]),
)
an_edit = st.tuples(st.sampled_from(["aside", "correct", "undo-read", "undo-hours"]), st.integers(0, 30))
of_hours = st.tuples(
    st.just("hours"), st.integers(0, 30), st.lists(st.integers(-(10**5), 10**10), min_size=1, max_size=5)
)
stories = st.lists(
    st.lists(st.one_of(a_read, a_read, an_edit, of_hours), min_size=1, max_size=6), min_size=1, max_size=6
)


def make_meter(engine):
    empty(engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO meter (manufacturer, serial, digits) VALUES ('KAM', '1', :d)"), {"d": DIGITS}
        )


def carry_out(connection, step):
    """Do one step of a story; one that is not possible now is refused."""
    if step[0] == "read":
        _, seconds, volume, source = step
        store_reads(connection, [NewRead(1, START + timedelta(seconds=seconds), volume, source)])
        return
    if step[0] == "hours":
        edit_hours(connection, 1, START + step[1] * HOUR, step[2], BY)
        return
    kind, number = step
    table = {"aside": "register_read", "correct": "register_read", "undo-read": "read_edit"}.get(kind, "hour_edit")
    ids = connection.execute(text(f"SELECT id FROM {table} ORDER BY id")).scalars().all()
    if not ids:
        return
    chosen = ids[number % len(ids)]
    try:
        with connection.begin_nested():
            if kind == "aside":
                set_aside(connection, chosen, BY)
            elif kind == "correct":
                set_aside(connection, chosen, BY, corrected_ml=number * 1000)
            elif kind == "undo-read":
                undo_read_edit(connection, chosen, BY)
            else:
                undo_hour_edit(connection, chosen, BY)
    except Conflict:
        pass


def stored_hours(engine):
    with engine.connect() as connection:
        query = text("SELECT hour, volume_ml, quality FROM hourly_volume WHERE meter_id = 1 ORDER BY hour")
        return [tuple(row) for row in connection.execute(query)]


def expected_hours(engine):
    with engine.connect() as connection:
        reads = [
            RegisterRead(row.at, row.volume_ml, KINDS.get(row.source, Kind.ORDINARY))
            for row in connection.execute(text("SELECT * FROM counted_read ORDER BY at, id"))
        ]
        edited = {r.hour: r.volume_ml for r in connection.execute(text("SELECT * FROM hour_edited"))}
    hours = {h.hour: (h.volume_ml, int(h.quality)) for h in hourly_volumes(reads, digits=DIGITS)}
    hours |= {hour: (volume, int(Quality.EDITED)) for hour, volume in edited.items()}
    return [(hour, *hours[hour]) for hour in sorted(hours)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories)
def test_whatever_is_read_edited_and_undone_the_hours_are_as_defined_and_a_rebuild_changes_nothing(store, story):
    make_meter(store)
    for chapter in story:
        with store.begin() as connection:
            for step in chapter:
                carry_out(connection, step)
        list(roll_up(store))
        assert stored_hours(store) == expected_hours(store)
    volumes = [volume for _, volume, _ in stored_hours(store)]
    with store.connect() as connection:
        query = text("SELECT sum(volume_ml), sum(hours) FROM daily('UTC', '2020-01-01', '2030-01-01')")
        assert tuple(connection.execute(query).one()) == (
            (sum(volumes), len(volumes)) if volumes else (None, None)
        )
    before = stored_hours(store)
    ask_for_everything(store)
    assert sum(step.hours for step in roll_up(store)) == 0
    assert stored_hours(store) == before
