"""Alarms: raised once, held while things are no better, closed by themselves, acknowledged by people."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from meterhub.fleet.alarms import watch
from meterhub.fleet.coverage import measure
from meterhub.fleet.rules import SILENT_AFTER, Channel, GatewayNow, Kind, judge
from tests.fleet.reports import a_report
from tests.fleet.town import a_meter, hear

NOW = datetime(2026, 3, 1, 12, 40, tzinfo=UTC)


def a_gateway_now(**values):
    usual = {
        "last_seen_at": NOW,
        "reported_at": NOW,
        "clock_ahead_s": 0.1,
        "spool_bytes": 10,
        "spool_limit_bytes": 1000,
        "disk_free_bytes": 2**34,
        "dropped_lately": 0,
        "lost": 0,
        "trouble": "",
        "lost_dongles": (),
        "channels": (),
    }
    return GatewayNow(**usual | values)


def found(gateway, raised=None):
    return [(f.kind, f.severity) for f in judge(gateway, raised or {}, NOW)]


def channel(heard, noise, *, usual=1000, usual_noise=10, hours=100):
    return Channel("C/T", heard, noise, [usual] * hours, [usual_noise] * hours)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"last_seen_at": None}, []),
        ({"last_seen_at": NOW - SILENT_AFTER - timedelta(seconds=1)}, [(Kind.SILENT_GATEWAY, "high")]),
        ({"clock_ahead_s": 59.0}, []),
        ({"clock_ahead_s": -61.0}, [(Kind.CLOCK_WRONG, "medium")]),
        ({"clock_ahead_s": 5 * 3600.0}, [(Kind.CLOCK_WRONG, "high")]),
        ({"spool_bytes": 800}, [(Kind.SPOOL_FILLING, "medium")]),
        ({"disk_free_bytes": 2**20}, [(Kind.SPOOL_FILLING, "medium")]),
        ({"dropped_lately": 3}, [(Kind.TELEGRAMS_DROPPED, "high")]),
        ({"lost": 3}, [(Kind.TELEGRAMS_DROPPED, "high")]),
        ({"lost_dongles": ["ttyUSB1"]}, [(Kind.DONGLE_LOST, "medium")]),
        ({"trouble": "the token cannot be replaced"}, [(Kind.TROUBLE, "low")]),
        ({"channels": [channel(900, 10)]}, []),
        ({"channels": [channel(100, 500)]}, [(Kind.JAMMED_CHANNEL, "high")]),
        ({"channels": [channel(0, 10)]}, [(Kind.DEAF_CHANNEL, "medium")]),
        ({"channels": [channel(900, 500)]}, []),
        ({"channels": [channel(0, 500, hours=5)]}, []),
        ({"channels": [channel(0, 500, usual=3)]}, []),
    ],
)
def test_what_is_wrong_with_a_gateway(values, expected):
    assert found(a_gateway_now(**values)) == expected


def test_what_is_raised_holds_until_things_are_clearly_better():
    clock, spool = {(Kind.CLOCK_WRONG, ""): ""}, {(Kind.SPOOL_FILLING, ""): ""}
    assert found(a_gateway_now(clock_ahead_s=31.0), clock) == [(Kind.CLOCK_WRONG, "medium")]
    assert found(a_gateway_now(clock_ahead_s=29.0), clock) == []
    assert found(a_gateway_now(spool_bytes=700), spool) == [(Kind.SPOOL_FILLING, "medium")]
    assert found(a_gateway_now(spool_bytes=500), spool) == []


def test_of_a_silent_gateway_what_was_raised_before_stays():
    silent = a_gateway_now(last_seen_at=NOW - timedelta(hours=1))
    kinds = [f.kind for f in judge(silent, {(Kind.CLOCK_WRONG, ""): "5 s"}, NOW)]
    assert kinds == [Kind.SILENT_GATEWAY, Kind.CLOCK_WRONG]


@pytest.fixture
def gateway(hub):
    return hub.gateway("tower")


def report(gateway, clock, **values):
    assert gateway.post("/api/v1/gateway/report", json=a_report(clock(), **values)).status_code == 200


def alarms(hub, *, closed_too=False):
    query = (
        "SELECT kind, state FROM fleet_alarm" + ("" if closed_too else " WHERE state <> 'closed'") + " ORDER BY id"
    )
    return [(row["kind"], row["state"]) for row in hub.rows(query)]


def test_a_silent_gateway_is_told_of_once_acknowledged_and_closed_when_it_is_back(hub, gateway, clock):
    report(gateway, clock)
    assert watch(hub.engine, clock()).raised == 0
    clock.go(minutes=16)
    assert watch(hub.engine, clock()).raised == 1
    clock.go(minutes=1)
    assert watch(hub.engine, clock()).raised == 0
    operations = hub.client("operations")
    (alarm,) = operations.get("/api/v1/fleet/alarms").json()["items"]
    assert (alarm["kind"], alarm["gateway"], alarm["severity"]) == ("silent-gateway", "tower", "high")
    address = f"/api/v1/fleet/alarms/{alarm['id']}/acknowledge"
    assert operations.post(address, json={"note": "on my way"}).status_code == 204
    assert operations.post(address, json={}).status_code == 409
    watch(hub.engine, clock())
    assert alarms(hub) == [("silent-gateway", "acknowledged")]
    report(gateway, clock)
    assert watch(hub.engine, clock()).closed == 1
    assert operations.get("/api/v1/fleet/alarms").json()["items"] == []
    assert len(operations.get("/api/v1/fleet/alarms?closed_too=true").json()["items"]) == 1
    events = hub.rows("SELECT action, note FROM fleet_alarm_event ORDER BY id")
    assert [event["action"] for event in events] == ["raised", "acknowledged", "closed"]
    assert events[1]["note"] == "on my way"
    assert len(hub.audit("acknowledge-fleet-alarm")) == 1


def test_a_wrong_clock_a_full_spool_and_a_lost_dongle_are_told_of(hub, gateway, clock):
    sent_at = clock() - timedelta(hours=4)
    dongle = a_report(clock())["dongles"][0] | {"receiving": False}
    spool = {"used_bytes": 9, "limit_bytes": 10, "dropped": 0}
    for dropped in (5, 12):
        body = a_report(sent_at, dongles=[dongle], spool=spool | {"dropped": dropped})
        assert gateway.post("/api/v1/gateway/report", json=body).status_code == 200
    watch(hub.engine, clock())
    assert {kind for kind, _ in alarms(hub)} == {
        "clock-wrong",
        "spool-filling",
        "telegrams-dropped",
        "dongle-lost",
    }
    report(gateway, clock, spool={"dropped": 12})
    watch(hub.engine, clock())
    assert {kind for kind, _ in alarms(hub)} == {"telegrams-dropped"}, "of what is lost people hear for two hours"
    clock.go(hours=3)
    report(gateway, clock, spool={"dropped": 12})
    watch(hub.engine, clock())
    assert alarms(hub) == []


def test_a_jammed_channel_is_told_by_its_own_history(hub, gateway, clock):
    clock.now = clock.now.replace(minute=30)
    heard = noise = 0
    for _ in range(30):
        heard, noise = heard + 500, noise + 4
        report(gateway, clock, heard=heard, noise=noise)
        clock.go(hours=1)
    report(gateway, clock, heard=heard + 5, noise=noise + 300)
    watch(hub.engine, clock())
    assert alarms(hub) == [("jammed-channel", "open")]
    clock.go(hours=1)
    report(gateway, clock, heard=heard + 505, noise=noise + 302)
    watch(hub.engine, clock())
    assert alarms(hub) == []


@pytest.fixture
def heard_meter(hub, gateway, clock):
    """A meter that the tower heard every quarter of an hour until now."""
    report(gateway, clock)
    with hub.engine.begin() as connection:
        tower = connection.execute(text("SELECT id FROM gateway")).scalar_one()
        meter = a_meter(connection, installed_at=clock() - timedelta(days=30))
        for number in range(40):
            hear(connection, meter, clock() - timedelta(minutes=15 * number), (tower, -70))
        for day in {(clock() - timedelta(minutes=15 * n)).date() for n in range(40)}:
            measure(connection, day, clock())
    return tower, meter


def test_a_meter_that_falls_silent_is_told_of_by_its_own_interval_and_closed_when_heard(
    hub, gateway, clock, heard_meter
):
    tower, meter = heard_meter
    clock.go(hours=7)
    report(gateway, clock)
    watch(hub.engine, clock())
    assert alarms(hub) == [], "30 times a quarter of an hour is more than six hours"
    clock.go(minutes=40)
    report(gateway, clock)
    watch(hub.engine, clock())
    watch(hub.engine, clock())
    assert alarms(hub) == [("silent-meter", "open")]
    with hub.engine.begin() as connection:
        hear(connection, meter, clock(), (tower, -70))
    watch(hub.engine, clock())
    assert alarms(hub, closed_too=True) == [("silent-meter", "closed")]


def test_meters_are_not_to_blame_for_the_silence_of_their_gateway(hub, gateway, clock, heard_meter):
    clock.go(hours=12)
    watch(hub.engine, clock())
    assert alarms(hub) == [("silent-gateway", "open")]
    report(gateway, clock)
    watch(hub.engine, clock())
    watch(hub.engine, clock())
    assert alarms(hub) == [], "nor while it is just back"
    for _ in range(9):
        clock.go(hours=1)
        report(gateway, clock)
        watch(hub.engine, clock())
    assert alarms(hub) == [("silent-meter", "open")]


def test_the_alarm_of_a_meter_that_is_taken_away_is_closed(hub, gateway, clock, heard_meter):
    clock.go(hours=8)
    report(gateway, clock)
    watch(hub.engine, clock())
    with hub.engine.begin() as connection:
        values = {"now": clock()}
        connection.execute(text("UPDATE installation SET valid = tstzrange(lower(valid), :now)"), values)
    watch(hub.engine, clock())
    assert alarms(hub, closed_too=True) == [("silent-meter", "closed")]


def test_events_of_alarms_are_never_edited(hub, gateway, clock):
    report(gateway, clock)
    watch(hub.engine, clock.go(hours=1))
    with pytest.raises(Exception, match="never"), hub.engine.begin() as connection:
        connection.execute(text("UPDATE fleet_alarm_event SET note = 'x'"))
