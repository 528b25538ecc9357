"""Gateways whose clocks are wrong: telegrams still lie in their hours, and nothing is lost or doubled."""

from datetime import UTC, datetime, timedelta

import pytest

from meterhub.app import create_app
from meterhub.ingest.gateway_clock import TOLERANCE, ahead, clock_shown
from meterhub.settings import Settings
from tests.api.hub import MASTER_KEY, Hub
from tests.gateway.telegrams import a_frame

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def hub(engine):
    return Hub(engine, create_app(engine, Settings(master_key=MASTER_KEY.hex()), clock=lambda: NOW))


def send(client, name, telegrams, *, clock_ahead=timedelta(), says_so=True):
    items = [
        {"frame": a_frame(number).hex(), "received_at": (at + clock_ahead).isoformat()} for number, at in telegrams
    ]
    about = "version=0.1.0; spool=3"
    if says_so:
        about += f"; now={(NOW + clock_ahead).isoformat(timespec='seconds')}"
    response = client.post(
        "/api/v1/telegrams", json={"gateway": name, "telegrams": items}, headers={"X-Meterhub-Gateway": about}
    )
    assert response.status_code == 200, response.text
    return response.json()


def stored(hub):
    return [row["received_at"] for row in hub.rows("SELECT received_at FROM raw_frame ORDER BY received_at")]


HEARD = [(number, NOW - timedelta(minutes=7 * number)) for number in range(20)]
WRONG = [timedelta(hours=5), timedelta(hours=-5), timedelta(days=400), timedelta(days=-20_000)]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_telegrams_of_a_wrong_clock_are_stored_at_their_time_with_the_original_known(hub, wrong):
    client = hub.gateway("tower")
    result = send(client, "tower", HEARD, clock_ahead=wrong)
    assert (result["accepted"] + result["quarantined"], result["rejected"]) == (len(HEARD), [])
    assert stored(hub) == sorted(at for _, at in HEARD)
    originals = hub.rows(
        "SELECT f.received_at + make_interval(secs => s.ahead_s) AS at FROM raw_frame f JOIN clock_shift s "
        "ON s.gateway_id = f.gateway_id AND s.at = f.ingested_at ORDER BY 1"
    )
    assert [row["at"] for row in originals] == sorted(at + wrong for _, at in HEARD)


def test_the_same_batch_again_after_the_clock_was_set_right_is_all_duplicates(hub):
    client = hub.gateway("tower")
    send(client, "tower", HEARD, clock_ahead=timedelta(hours=3))
    again = send(client, "tower", HEARD)
    assert again["duplicates"] == len(HEARD)
    assert len(stored(hub)) == len(HEARD)


def test_two_gateways_of_which_one_is_hours_off_hear_the_same_transmissions(hub):
    right, wrong = hub.gateway("right"), hub.gateway("wrong")
    send(right, "right", HEARD)
    assert send(wrong, "wrong", HEARD, clock_ahead=timedelta(hours=-9))["duplicates"] == len(HEARD)
    assert hub.rows("SELECT count(*) AS n FROM frame_heard") == [{"n": len(HEARD)}]


def test_a_gateway_that_does_not_tell_its_clock_is_taken_at_its_word(hub):
    client = hub.gateway("tower")
    send(client, "tower", HEARD, clock_ahead=timedelta(hours=-2), says_so=False)
    assert max(stored(hub)) == NOW - timedelta(hours=2)
    assert hub.rows("SELECT * FROM clock_shift") == []


def test_days_before_today_are_noted_when_telegrams_of_them_come_in(hub):
    client = hub.gateway("tower")
    send(client, "tower", [(1, NOW), (2, NOW - timedelta(days=3)), (3, NOW - timedelta(days=3))])
    assert [row["day"] for row in hub.rows("SELECT day FROM late_day")] == [(NOW - timedelta(days=3)).date()]


def test_a_slow_line_is_no_wrong_clock_and_a_measured_clock_is_exacter():
    assert ahead(NOW - TOLERANCE + timedelta(seconds=1), NOW, None) == timedelta()
    shown = NOW + timedelta(hours=1, seconds=-40)
    assert ahead(shown, NOW, 3600.2) == timedelta(hours=1)
    assert ahead(shown, NOW, 5.0) == timedelta(hours=1, seconds=-40)


@pytest.mark.parametrize(
    "value", [None, "", "soon", "2026-01-01T00:00:00", "0001-01-01T00:00:00+00:00", "9999-12-31"]
)
def test_a_clock_that_cannot_be_read_is_none(value):
    assert clock_shown(value) is None
