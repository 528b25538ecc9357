from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.assets.keys import add_key
from meterhub.ingest.key_check import Fit, check_keys, check_meter, survey
from tests.ingest.test_service import FULL, MODE_5, MODE_5_KEY, NOW, PLAIN, SETTINGS, Hub

RIGHT, WRONG = bytes.fromhex(MODE_5_KEY), bytes(16)
SINCE = NOW - timedelta(days=7)
IZAR_KEY = bytes.fromhex("39BC8A10E66D83F8")


@pytest.fixture
def hub(engine):
    return Hub(engine)


@pytest.mark.parametrize(
    ("frames", "keys", "fit"),
    [
        ([], [RIGHT], Fit.NOT_HEARD),
        ([MODE_5], [RIGHT], Fit.FITS),
        ([MODE_5], [WRONG], Fit.DOES_NOT_FIT),
        ([MODE_5], [WRONG, RIGHT], Fit.OLDER_FITS),
        ([MODE_5], [RIGHT, WRONG], Fit.FITS),
        ([MODE_5], [], Fit.NO_KEY),
        ([MODE_5], [IZAR_KEY], Fit.DOES_NOT_FIT),
        ([PLAIN], [RIGHT], Fit.NOT_ENCRYPTED),
        ([PLAIN, MODE_5], [RIGHT], Fit.FITS),
        (["00" * 12, "FF"], [RIGHT], Fit.NOT_READABLE),
        (["00" * 12, MODE_5], [WRONG], Fit.DOES_NOT_FIT),
    ],
)
def test_a_verdict_says_what_a_clerk_has_to_know(frames, keys, fit):
    found = check_keys(map(bytes.fromhex, frames), keys)
    assert found.fit is fit
    counted = (found.opened, found.opened_by_older, found.not_opened, found.plain, found.unreadable)
    assert (sum(counted), found.telegrams, found.keys) == (len(frames), len(frames), len(keys))


def check(hub, meter_id, since=SINCE, key=None):
    with hub.engine.begin() as connection:
        return check_meter(connection, SYSTEM, SETTINGS, meter_id, since=since, key=key)


def test_a_key_is_tried_on_telegrams_in_quarantine_and_on_those_that_were_read(hub):
    meter = hub.register("ELS", "12345678")
    hub.send((MODE_5, NOW), (MODE_5, NOW + timedelta(hours=1)))
    assert check(hub, meter).fit is Fit.NO_KEY
    assert check(hub, meter, key=WRONG).not_opened == 2
    assert check(hub, meter, key=RIGHT).opened == 2
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, MODE_5_KEY)
    hub.send((MODE_5, NOW + timedelta(hours=2)))
    assert len(hub.reads()) == 1
    found = check(hub, meter)
    assert (found.telegrams, found.opened, found.fit) == (3, 3, Fit.FITS)
    assert check(hub, meter, since=NOW + timedelta(minutes=90)).telegrams == 1
    assert check(hub, meter, since=NOW + timedelta(days=1)).fit is Fit.NOT_HEARD


def test_only_the_meters_own_telegrams_are_looked_at(hub):
    one = hub.register("ELS", "12345678")
    other = hub.register("CEN", "12345678")
    hub.send((MODE_5, NOW), (PLAIN, NOW))
    assert check(hub, one, key=RIGHT).telegrams == 1
    assert check(hub, other, key=RIGHT).fit is Fit.NOT_ENCRYPTED


def test_each_check_is_on_record_without_the_key(hub):
    meter = hub.register("ELS", "12345678")
    check(hub, meter, key=RIGHT)
    check(hub, meter)
    list(survey(hub.engine, SYSTEM, SETTINGS, since=SINCE))
    assert hub.rows("SELECT action, subject, detail FROM audit_event WHERE action LIKE 'check%' ORDER BY id") == [
        ("check-meter-key", "meter:ELS:12345678", {"key": "given"}),
        ("check-meter-key", "meter:ELS:12345678", {"key": "in custody"}),
        ("check-all-meter-keys", "", {"key": "in custody"}),
    ]


@pytest.mark.parametrize("step", [1, 500])
def test_all_meters_are_surveyed_whatever_the_step(hub, monkeypatch, step):
    monkeypatch.setattr("meterhub.ingest.key_check.METERS_A_STEP", step)
    hub.register("ELS", "12345678", MODE_5_KEY)
    hub.register("CEN", "12345678")
    hub.register("KAM", "76348799", "22" * 16)
    hub.register("KAM", "00000001")
    hub.send((MODE_5, NOW), (PLAIN, NOW), (FULL, NOW))
    steps = list(survey(hub.engine, SYSTEM, SETTINGS, since=SINCE))
    assert {(each.manufacturer, each.serial): each.check.fit for step in steps for each in step} == {
        ("ELS", "12345678"): Fit.FITS,
        ("CEN", "12345678"): Fit.NOT_ENCRYPTED,
        ("KAM", "76348799"): Fit.NOT_ENCRYPTED,
        ("KAM", "00000001"): Fit.NOT_HEARD,
    }
    given = [each for step in survey(hub.engine, SYSTEM, SETTINGS, since=SINCE, key=RIGHT) for each in step]
    assert [each.manufacturer for each in given if each.check.fit is Fit.FITS] == ["ELS"]


def test_what_a_hub_opens_is_counted_by_day_and_the_first_of_a_day_is_on_record(hub):
    hub.register("ELS", "12345678", MODE_5_KEY)
    for hour in range(3):
        hub.send((MODE_5, NOW + timedelta(hours=hour)))
    today = datetime.now(UTC).date()
    assert hub.rows("SELECT day, purpose, opened FROM key_use_day") == [(today, "ingest", 1)]  # then it remembers
    hub.register("CEN", "12345678")
    hub.send((MODE_5, NOW + timedelta(hours=4)))
    assert hub.rows("SELECT opened FROM key_use_day") == [(1,)]  # a change of another meter is nothing to this one
    with hub.engine.begin() as connection:
        connection.execute(text("UPDATE meter SET digits = 6 WHERE manufacturer = 'ELS'"))
    hub.send((MODE_5, NOW + timedelta(hours=5)))
    assert hub.rows("SELECT purpose, opened FROM key_use_day") == [("ingest", 2)]
    assert hub.rows("SELECT actor, purpose FROM audit_event WHERE action = 'use-meter-keys'") == [
        ("system", "ingest")
    ]


def test_a_retry_that_waits_is_not_started_before_the_key_is_committed(hub):
    meter = hub.register("ELS", "12345678")
    fetch = text("SELECT id FROM procrastinate_jobs WHERE status = 'todo' FOR UPDATE SKIP LOCKED")
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, "11" * 16)
    with hub.engine.begin() as worker:
        assert len(worker.execute(fetch).all()) == 1
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, MODE_5_KEY)
        with hub.engine.begin() as worker:
            assert worker.execute(fetch).all() == []
    with hub.engine.begin() as worker:
        assert len(worker.execute(fetch).all()) == 1
