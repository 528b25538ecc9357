from datetime import timedelta

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.alerts import service
from meterhub.alerts.jobs import DetectionResult, detect
from meterhub.alerts.lifecycle import Outcome
from meterhub.settings import Settings
from tests.alerts.homes import DAY_S, HOUR_S, START_S, a_home
from tests.alerts.stored import store_home, store_point, utc

DAY_H = 24
END = utc(START_S + 90 * DAY_S)


@pytest.fixture
def settings():
    return Settings()


def stored_alerts(engine, *names):
    columns = ", ".join(names or ("kind", "state", "raised_at", "onset_at", "rate_ml_h", "volume_ml"))
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT {columns} FROM alert ORDER BY id")).all()


def events(engine):
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(text("SELECT action FROM alert_event ORDER BY id"))]


def test_a_town_of_two_hundred_homes_shows_its_two_leaks_and_its_burst_and_nothing_else(engine, settings):
    faults = {
        17: (22 * DAY_H, 35 * DAY_H, 18),
        120: (25 * DAY_H, 35 * DAY_H, 6),
        88: (30 * DAY_H, 31 * DAY_H, 800),
    }
    ids = []
    with engine.begin() as connection:
        for number in range(200):
            home = a_home(35, number, people=1 + number % 5, garden=number % 10 == 0)
            if number % 7 == 0:
                home = a_home(35, number, away=set(range(12, 26)))
            if number in faults:
                home = home.with_flow(*faults[number])
            ids.append(store_point(connection, number))
            store_home(connection, ids[-1], home.reads())
    result = detect(engine, settings, ids, END)
    assert (result.raised, result.closed) == (3, 1)
    with engine.connect() as connection:
        query = "SELECT point_code, kind FROM alert JOIN metering_point p ON p.id = metering_point_id ORDER BY 1"
        found = [tuple(row) for row in connection.execute(text(query))]
    assert found == [("P-00017", "continuous-flow"), ("P-00088", "burst"), ("P-00120", "continuous-flow")]
    assert detect(engine, settings, ids, END) == DetectionResult(0, 0, 0)


def test_hourly_runs_store_what_one_run_over_the_back_fill_stores(engine, settings):
    reads = a_home(40).with_flow(20 * DAY_H, 25 * DAY_H, 20).with_flow(30 * DAY_H, 31 * DAY_H, 700).reads()
    with engine.begin() as connection:
        live, filled = store_point(connection, 1), store_point(connection, 2)
        store_home(connection, filled, reads)
    for start in range(0, len(reads), 7):
        batch = reads[start : start + 7]
        with engine.begin() as connection:
            store_home(connection, live, batch)
        detect(engine, settings, [live], utc(batch[-1][0]))
    detect(engine, settings, [filled], END)
    rows = stored_alerts(engine, "meter_id", "kind", "state", "onset_at", "raised_at", "closed_at", "volume_ml")
    by_meter = [[row[1:] for row in rows if row[0] == meter_id] for meter_id in (live, filled)]
    assert by_meter[0] == by_meter[1]
    assert [row[0] for row in by_meter[0]] == ["continuous-flow", "burst"]
    with engine.connect() as connection:
        query = text(
            "SELECT day, highest_ml_h, unstill_s, step_ml, in_alert FROM flow_day WHERE meter_id = :id ORDER BY 1"
        )
        days = [connection.execute(query, {"id": meter_id}).all() for meter_id in (live, filled)]
    assert days[0] == days[1]


def test_reads_that_come_late_are_examined_where_they_belong(engine, settings):
    reads = a_home(30).with_flow(25 * DAY_H, 27 * DAY_H, 30).reads()
    late = [read for read in reads if 25 * DAY_H <= (read[0] - START_S) / HOUR_S < 27 * DAY_H + 3]
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        store_home(connection, meter_id, [read for read in reads if read not in late])
    assert detect(engine, settings, [meter_id], END).raised == 0
    with engine.begin() as connection:
        store_home(connection, meter_id, late)
    result = detect(engine, settings, [meter_id], END)
    assert (result.raised, result.closed) == (1, 1)
    assert detect(engine, settings, [meter_id], END) == DetectionResult(0, 0, 0)


def test_reads_that_come_weeks_late_are_examined_when_their_time_is_named(engine, settings):
    reads = a_home(60).with_flow(25 * DAY_H, 29 * DAY_H, 30).reads()
    late = [read for read in reads if 25 * DAY_H <= (read[0] - START_S) / HOUR_S < 30 * DAY_H]
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        store_home(connection, meter_id, [read for read in reads if read not in late])
    detect(engine, settings, [meter_id], END)
    with engine.begin() as connection:
        store_home(connection, meter_id, late)
    assert detect(engine, settings, [meter_id], END, {meter_id: utc(late[0][0])}).raised == 1


def test_reads_after_now_are_not_examined(engine, settings):
    home = a_home(30).with_flow(20 * DAY_H, 30 * DAY_H, 30)
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        store_home(connection, meter_id, home.reads())
    assert detect(engine, settings, [meter_id], utc(START_S + 20 * DAY_S)).raised == 0
    assert detect(engine, settings, [meter_id], END).raised == 1


def test_an_acknowledged_alert_stays_so_while_its_evidence_grows(engine, settings):
    reads = a_home(30).with_flow(20 * DAY_H, 30 * DAY_H, 12).reads()
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        store_home(connection, meter_id, reads[: 25 * DAY_H])
    detect(engine, settings, [meter_id], END)
    [(alert_id, before)] = stored_alerts(engine, "id", "volume_ml")
    with engine.begin() as connection:
        service.acknowledge(connection, SYSTEM, alert_id, note="called", now=utc(reads[25 * DAY_H][0]))
        store_home(connection, meter_id, reads[25 * DAY_H :])
    assert detect(engine, settings, [meter_id], END) == DetectionResult(0, 1, 0)
    [(state, volume_ml)] = stored_alerts(engine, "state", "volume_ml")
    assert (state, volume_ml > before + 1_200_000) == ("acknowledged", True)


def test_what_a_person_calls_false_is_learned_and_not_raised_again(engine, settings):
    home = a_home(60)
    for day in (20, 30, 40, 50):  # a fountain that runs over a long weekend
        home = home.with_flow(day * DAY_H, day * DAY_H + 60, 14)
    reads = home.reads()
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        store_home(connection, meter_id, reads[: 22 * DAY_H + 8])
    assert detect(engine, settings, [meter_id], END).raised == 1
    [(alert_id,)] = stored_alerts(engine, "id")
    with engine.begin() as connection:
        now = utc(reads[22 * DAY_H + 8][0])
        service.close(connection, SYSTEM, alert_id, note="fountain", outcome=Outcome.FALSE, now=now)
        store_home(connection, meter_id, reads[22 * DAY_H + 8 :])
    assert detect(engine, settings, [meter_id], END).raised == 0


def test_a_repair_that_did_not_help_reopens_the_alert(engine, settings):
    reads = a_home(30).with_flow(20 * DAY_H, 30 * DAY_H, 25).reads()
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        store_home(connection, meter_id, reads[: 23 * DAY_H])
    detect(engine, settings, [meter_id], END)
    [(alert_id,)] = stored_alerts(engine, "id")
    with engine.begin() as connection:
        now = utc(reads[23 * DAY_H][0])
        service.close(connection, SYSTEM, alert_id, note="new seal", outcome=Outcome.RESOLVED, now=now)
        store_home(connection, meter_id, reads[23 * DAY_H :])
    detect(engine, settings, [meter_id], END)
    assert stored_alerts(engine, "state", "outcome") == [("open", None)]
    assert events(engine) == ["raised", "closed", "reopened"]


def test_an_exchanged_meter_carries_on_the_alert_of_its_point(engine, settings):
    reads = a_home(40).with_flow(20 * DAY_H, 40 * DAY_H, 25).reads()
    with engine.begin() as connection:
        old = store_point(connection, 1)
        store_home(connection, old, reads[: 25 * DAY_H])
    detect(engine, settings, [old], END)
    at = utc(reads[25 * DAY_H][0]) - timedelta(minutes=10)
    with engine.begin() as connection:
        exchange = """
            WITH new AS (INSERT INTO meter (manufacturer, serial) VALUES ('DME', '00000009') RETURNING id),
            ended AS (UPDATE installation SET valid = tstzrange(lower(valid), :at) RETURNING metering_point_id)
            INSERT INTO installation (meter_id, metering_point_id, valid)
            SELECT new.id, ended.metering_point_id, tstzrange(:at, NULL) FROM new, ended RETURNING meter_id
        """
        new = connection.execute(text(exchange), {"at": at}).scalar_one()
        store_home(connection, new, [(at_s, ml - 100_000_000) for at_s, ml in reads[25 * DAY_H :]])
    detect(engine, settings, [new], END)
    assert len(stored_alerts(engine)) == 1


def test_a_meter_that_hangs_nowhere_is_left_alone(engine, settings):
    with engine.begin() as connection:
        meter_id = store_point(connection, 1)
        connection.execute(text("DELETE FROM installation"))
        store_home(connection, meter_id, a_home(30).with_flow(10 * DAY_H, 30 * DAY_H, 40).reads())
    assert detect(engine, settings, [meter_id], END) == DetectionResult(0, 0, 0)
