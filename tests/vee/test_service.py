import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.errors import BadInput, Conflict
from meterhub.readings.repository import NewRead, Source, consumption, point_id
from meterhub.vee import repository, service
from tests.vee.stored import HOUR, START, exchange, findings, make_meter, steady, store, work

NOW = START + 30 * 24 * HOUR


@pytest.fixture
def spiked(engine):
    """A meter whose read at 9 o'clock is far too high; gives the ids of the finding and of the read."""
    meter = make_meter(engine)
    store(engine, [*steady(meter, 9), NewRead(meter, START + 9 * HOUR, 300_000_000), *steady(meter, 14, first=10)])
    work(engine)
    with engine.connect() as connection:
        finding_id = connection.execute(text("SELECT id FROM finding")).scalar_one()
        read_id = connection.execute(text("SELECT id FROM register_read WHERE volume_ml = 300000000")).scalar_one()
    return finding_id, read_id


def volumes(engine):
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(text("SELECT volume_ml FROM hourly_volume ORDER BY hour"))]


def edit(engine, read_id, finding_id=None, corrected_ml=None):
    with engine.begin() as connection:
        return service.edit_read(
            connection,
            SYSTEM,
            read_id,
            corrected_ml=corrected_ml,
            reason="typed wrong",
            finding_id=finding_id,
            now=NOW,
        )


def test_the_preview_says_exactly_what_the_edit_then_changes(engine, spiked):
    finding_id, read_id = spiked
    before = volumes(engine)
    with engine.connect() as connection:
        preview = service.preview_read_edit(connection, read_id, None)
    edit(engine, read_id, finding_id)
    work(engine)
    after = volumes(engine)
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [(one.before_ml, one.after_ml) for one in preview.hours] != []
    assert findings(engine, "edited") == ["spike"]


def test_an_edit_that_is_undone_leaves_the_hours_as_they_were_and_opens_the_finding(engine, spiked):
    finding_id, read_id = spiked
    before = volumes(engine)
    edit_id = edit(engine, read_id, finding_id, corrected_ml=100_095_000)
    work(engine)
    assert volumes(engine) != before
    with engine.begin() as connection:
        service.undo_read_edit(connection, SYSTEM, edit_id, reason="it was right", now=NOW)
    work(engine)
    assert volumes(engine) == before
    assert findings(engine) == ["spike"]
    with engine.connect() as connection:
        assert [event.action for event in repository.events_of(connection, finding_id)] == [
            "found",
            "edited",
            "undone",
        ]


def test_an_edit_is_refused_twice_and_without_a_reason_and_beyond_the_register(engine, spiked):
    _, read_id = spiked
    with engine.connect() as connection:
        for reason, volume, error in (("  ", None, BadInput), ("x", 10**11, BadInput)):
            with pytest.raises(error):
                service.edit_read(
                    connection, SYSTEM, read_id, corrected_ml=volume, reason=reason, finding_id=None, now=NOW
                )
    edit(engine, read_id)
    with pytest.raises(Conflict):
        edit(engine, read_id)


def test_edited_hours_lie_over_the_derived_ones_until_the_edit_is_undone(engine):
    meter = make_meter(engine)
    store(engine, steady(meter, 24))
    work(engine)
    before = volumes(engine)
    with engine.begin() as connection:
        edit_id = service.edit_hours(
            connection, SYSTEM, "MP-1", START + 5 * HOUR, [1, 2], reason="meter stood still"
        )
    work(engine)
    assert volumes(engine)[4:8] == [before[4], 1, 2, before[7]]
    store(engine, [NewRead(meter, START + 5.5 * HOUR, 100_056_000)])
    work(engine)
    assert volumes(engine)[5:7] == [1, 2]
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT quality, volume_ml FROM daily('UTC', :a, :b)"), {"a": START, "b": NOW}
        )
        assert row.first() == (4, sum(volumes(engine)))
    with engine.begin() as connection:
        service.undo_hour_edit(connection, SYSTEM, edit_id, reason="it did not")
    work(engine)
    assert 1 not in volumes(engine)
    assert sum(volumes(engine)) == sum(before)


def test_both_meters_of_an_exchange_inside_an_hour_sum_exactly_at_their_point(engine):
    old, new = make_meter(engine, 1), make_meter(engine, 2)
    at = START + 10.25 * HOUR
    exchange(engine, old, new, at)
    reads = [*steady(old, 11), NewRead(old, at, 100_104_000, Source.REMOVAL)]
    reads.append(NewRead(new, at, 7_000, Source.INSTALLATION))
    store(engine, [*reads, *(NewRead(new, START + n * HOUR, n * 1000) for n in range(11, 20))])
    work(engine)
    with engine.connect() as connection:
        rows = consumption(
            connection, point_id(connection, "MP-1"), START, NOW, resolution="hour", zone="Europe/Helsinki"
        )
    assert [row.start for row in rows] == [START + n * HOUR for n in range(19)]
    assert rows[10].volume_ml == (100_104_000 - 100_100_000) + (11_000 - 7_000)
    assert sum(row.volume_ml for row in rows) == (100_104_000 - 100_000_000) + (19_000 - 7_000)
    assert {row.hours for row in rows} == {1}
