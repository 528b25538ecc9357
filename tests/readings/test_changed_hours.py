"""What is examined after a roll-up is not lost with the worker that did it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from meterhub.readings.jobs import changed_hours, roll_up
from meterhub.readings.repository import NewRead, store_reads

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def meter(engine):
    with engine.begin() as connection:
        id_ = connection.execute(
            text("INSERT INTO meter (manufacturer, serial) VALUES ('SEN', '1') RETURNING id")
        ).scalar_one()
        store_reads(connection, [NewRead(id_, NOW + timedelta(hours=n), 1000 * n) for n in range(5)])
    return id_


def test_a_worker_that_dies_between_deriving_and_examining_leaves_the_work_to_the_next(engine, meter):
    assert sum(len(step.changed_from) for step in roll_up(engine)) == 1
    with pytest.raises(RuntimeError, match="killed"):  # noqa: PT012 - as a worker that dies in its loop
        for changed in changed_hours(engine):
            assert changed == {meter: NOW}
            raise RuntimeError("killed")
    assert list(changed_hours(engine)) == [{meter: NOW}]
    assert list(changed_hours(engine)) == []


def test_the_earliest_of_several_changes_counts(engine, meter):
    list(roll_up(engine))
    with engine.begin() as connection:
        store_reads(connection, [NewRead(meter, NOW - timedelta(hours=3), 0)])
    list(roll_up(engine))
    assert list(changed_hours(engine)) == [{meter: NOW - timedelta(hours=3)}]
