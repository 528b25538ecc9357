"""What gateways report, what is kept of it, and what they are told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.fleet.clock import Exchange, measure
from tests.fleet.reports import a_report

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(
    ahead_s=st.floats(-1e5, 1e5),
    there_s=st.floats(0, 10),
    back_s=st.floats(0, 10),
)
def test_an_exchange_measures_the_clock_within_half_its_round_trip(ahead_s, there_s, back_s):
    ahead = timedelta(seconds=ahead_s)
    taken = AT + timedelta(seconds=there_s)
    last = Exchange(AT + ahead, taken, taken + timedelta(seconds=back_s) + ahead)
    later = AT + timedelta(minutes=1)
    measured = measure(later + ahead, later + timedelta(seconds=there_s), last)
    assert measured.round_trip_s == pytest.approx(there_s + back_s, abs=1e-5)
    assert abs(measured.ahead_s - ahead_s) <= (there_s + back_s) / 2 + 1e-5


def test_a_clock_that_was_set_since_the_last_exchange_is_measured_one_way():
    last = Exchange(AT + timedelta(hours=5), AT, AT + timedelta(hours=5, seconds=1))
    measured = measure(AT + timedelta(minutes=1), AT + timedelta(minutes=1, seconds=2), last)
    assert (measured.ahead_s, measured.round_trip_s) == (-2, None)


@pytest.fixture
def gateway(hub):
    return hub.gateway("tower")


def report(gateway, clock, **values):
    answer = gateway.post("/api/v1/gateway/report", json=a_report(clock(), **values))
    assert answer.status_code == 200, answer.text
    return answer.json()


def hours(hub):
    return hub.rows("SELECT * FROM gateway_hour ORDER BY hour")


def test_counters_add_up_by_the_hour_whatever_is_sent_twice_lost_or_begun_anew(hub, gateway, clock):
    clock.now = clock.now.replace(minute=0)
    report(gateway, clock, heard=100, noise=3)
    clock.go(minutes=1)
    report(gateway, clock, heard=160, noise=3)
    report(gateway, clock, heard=160, noise=3)  # its answer was lost
    clock.go(minutes=2)
    report(gateway, clock, heard=300, noise=13)  # the one between was lost
    clock.go(minutes=1)
    report(gateway, clock, heard=20, noise=1, run="second")
    assert [(row["reports"], row["heard"], row["noise"]) for row in hours(hub)] == [(5, 320, 14)]
    channels = hub.rows("SELECT link_mode, heard, noise FROM channel_hour")
    assert channels == [{"link_mode": "C/T", "heard": 320, "noise": 14}]
    clock.go(hours=1)
    report(gateway, clock, heard=21, noise=1, run="second")
    assert [row["heard"] for row in hours(hub)] == [320, 1]


def test_the_fleet_shows_frames_a_minute_clock_and_spool(hub, gateway, clock):
    report(gateway, clock, heard=100)
    clock.go(minutes=2)
    sent_at = clock() + timedelta(hours=3)
    gateway.post(
        "/api/v1/gateway/report",
        json=a_report(sent_at, heard=180, spool={"depth": 7, "oldest_at": AT.isoformat()}),
    )
    (shown,) = hub.client("operations").get("/api/v1/fleet").json()
    assert shown["frames_a_minute"] == 40
    assert shown["clock_ahead_s"] == pytest.approx(3 * 3600)
    assert (shown["spool_depth"], shown["software"]) == (7, "0.1.0")
    assert shown["dongles"][0]["serial"] == "22001234"
    assert shown["tokens"] == 1
    (hour,) = hub.client("operations").get("/api/v1/fleet/tower/hours").json()[-1:]
    assert hour["spool_depth_max"] == 7


def test_settings_reach_the_gateway_with_its_next_report(hub, gateway, clock):
    assert report(gateway, clock)["keep"] is None
    admin = hub.client("admin")
    wanted = {"keep": "hour", "listed_only": True}
    assert admin.put("/api/v1/gateways/tower/settings", json=wanted).status_code == 204
    orders = report(gateway, clock)
    assert (orders["keep"], orders["listed_only"]) == ("hour", True)
    assert hub.audit("change-gateway-settings")[0]["detail"] == wanted
    assert admin.put("/api/v1/gateways/none/settings", json=wanted).status_code == 404
    assert admin.put("/api/v1/gateways/tower/settings", json={"keep": "week"}).status_code == 422


def test_the_list_of_meters_has_another_revision_after_a_registration(hub, gateway, clock):
    before = report(gateway, clock)["meters_revision"]
    new = {"manufacturer": "KAM", "serial": "76348799"}
    assert hub.client("billing").post("/api/v1/meters", json=new).status_code == 201
    listed = gateway.get("/api/v1/gateway/meters").json()
    assert listed["meters"] == ["KAM 76348799"]
    assert listed["revision"] == report(gateway, clock)["meters_revision"] != before


def test_odd_reports_are_refused_with_the_field(gateway, clock):
    for change in ({"spool": {"depth": -1}}, {"run": ""}, {"version": "x\n"}, {"more": 1}):
        answer = gateway.post("/api/v1/gateway/report", json=a_report(clock(), **change))
        assert answer.status_code == 422, change
        assert answer.json()["errors"]
