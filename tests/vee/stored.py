"""A small town in the database: meters at points with a read an hour, and checks to run on it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, Source, store_reads
from meterhub.settings import Settings
from meterhub.vee.jobs import check_arrivals, check_night

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings(url="postgresql://unused") -> Settings:
    return Settings(database_url=url)


def make_meter(engine, number=1, digits=5):
    """Put a meter at a point since long ago; returns its id."""
    with engine.begin() as connection:
        property_id = connection.execute(
            text(
                "INSERT INTO property (property_code, street, postal_code, city) "
                "VALUES (:c, 'Rantatie 1', '00100', 'Helsinki') RETURNING id"
            ),
            {"c": f"91-416-11-{number}"},
        ).scalar_one()
        point_id = connection.execute(
            text(
                "INSERT INTO metering_point (point_code, property_id, services) "
                "VALUES (:c, :p, '{water}') RETURNING id"
            ),
            {"c": f"MP-{number}", "p": property_id},
        ).scalar_one()
        meter_id = connection.execute(
            text("INSERT INTO meter (manufacturer, serial, digits) VALUES ('KAM', :s, :d) RETURNING id"),
            {"s": f"{number:08}", "d": digits},
        ).scalar_one()
        connection.execute(
            text(
                "INSERT INTO installation (meter_id, metering_point_id, valid) VALUES (:m, :p, '[2020-01-01Z,)')"
            ),
            {"m": meter_id, "p": point_id},
        )
    return meter_id


def exchange(engine, old, new, at):
    """Put a meter in the place of another, which never hung elsewhere."""
    with engine.begin() as connection:
        run = connection.execute
        run(text("DELETE FROM installation WHERE meter_id = :new"), {"new": new})
        closed = "UPDATE installation SET valid = tstzrange(lower(valid), :at) WHERE meter_id = :old"
        run(text(closed), {"at": at, "old": old})
        opened = (
            "INSERT INTO installation (meter_id, metering_point_id, valid) "
            "SELECT :new, metering_point_id, tstzrange(:at, NULL) FROM installation WHERE meter_id = :old"
        )
        run(text(opened), {"new": new, "at": at, "old": old})


def steady(meter_id, hours, *, first=0, litres=10, start_l=100_000):
    """Return a read an hour with much the same use."""
    return [
        NewRead(meter_id, START + n * HOUR, (start_l + n * litres) * 1000 + n % 2 * 500)
        for n in range(first, first + hours)
    ]


def store(engine, reads):
    with engine.begin() as connection:
        store_reads(connection, reads)


def work(engine, now=None):
    """Roll up and check what came in; returns how many findings are new, again there or gone."""
    counts = None
    for step in roll_up(engine):
        found = check_arrivals(engine, settings(), step.changed_from, now or START + 400 * 24 * HOUR)
        counts = found if counts is None else counts + found
    return counts


def night(engine, now):
    return list(check_night(engine, settings(), now))


def findings(engine, state="open"):
    with engine.connect() as connection:
        query = text("SELECT rule FROM finding WHERE state = :s ORDER BY rule, started_at")
        return connection.execute(query, {"s": state}).scalars().all()


__all__ = ["HOUR", "START", "NewRead", "Source"]
