import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from meterhub.access import service as access
from meterhub.access.principal import SYSTEM
from meterhub.alerts.jobs import detect
from meterhub.app import create_app
from meterhub.settings import Settings
from tests.alerts.homes import DAY_S, START_S, a_home
from tests.alerts.stored import store_home, store_point, utc

DAY_H = 24
NOW = utc(START_S + 31 * DAY_S)
PASSWORD = "correct horse battery"


@pytest.fixture
def client(engine):
    with engine.begin() as connection:
        meters = [store_point(connection, number) for number in range(3)]
        for number, meter_id in enumerate(meters):
            home = a_home(30, number).with_flow(20 * DAY_H, 30 * DAY_H, (6, 30, 300)[number])
            store_home(connection, meter_id, home.reads())
        for name, role in (("olga", "operations"), ("bo", "billing"), ("ada", "admin")):
            access.create_user(
                connection, SYSTEM, username=name, display_name=name, roles=[role], password=PASSWORD
            )
    detect(engine, Settings(), meters, NOW)
    return TestClient(create_app(engine, Settings(), clock=lambda: NOW))


@pytest.fixture
def as_user(engine):
    def headers(name):
        token = access.log_in(engine, name, PASSWORD, now=NOW, session_hours=10**5, secret=b"s")
        return {"Authorization": f"Bearer {token}"}

    return headers


def test_alerts_are_listed_newest_first_page_by_page_and_by_state_and_severity(client, as_user):
    headers = as_user("olga")
    first = client.get("/api/v1/alerts", params={"limit": 2}, headers=headers).json()
    second = client.get("/api/v1/alerts", params={"cursor": first["next_cursor"]}, headers=headers).json()
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert second["next_cursor"] is None
    low = client.get("/api/v1/alerts", params={"severity": "low", "state": "open"}, headers=headers).json()
    assert [item["point_code"] for item in low["items"]] == ["P-00000"]
    assert client.get("/api/v1/alerts", params={"cursor": "x"}, headers=headers).json()["code"] == "bad-input"


def test_an_alert_is_acknowledged_and_closed_with_its_history_and_each_look_is_logged(client, engine, as_user):
    headers = as_user("olga")
    path = f"/api/v1/alerts/{client.get('/api/v1/alerts', headers=headers).json()['items'][0]['id']}"
    assert client.post(f"{path}/acknowledge", json={"note": "called"}, headers=headers).status_code == 204
    assert client.post(f"{path}/acknowledge", json={}, headers=headers).status_code == 409
    closing = {"note": "valve", "outcome": "resolved"}
    assert client.post(f"{path}/close", json={"outcome": "ended"}, headers=headers).status_code == 422
    assert client.post(f"{path}/close", json=closing, headers=headers).status_code == 204
    assert client.post(f"{path}/close", json=closing, headers=headers).status_code == 409
    detail = client.get(path, headers=headers).json()
    assert (detail["state"], detail["outcome"]) == ("closed", "resolved")
    assert [(e["action"], e["actor"]) for e in detail["events"]] == [
        ("raised", "detector"), ("acknowledged", "olga"), ("closed", "olga"),
    ]  # fmt: skip
    with engine.connect() as connection:
        actions = {
            row[0] for row in connection.execute(text("SELECT action FROM audit_event WHERE actor = 'olga'"))
        }
    assert actions >= {"list-alerts", "read-alert", "acknowledged-alert", "closed-alert"}


def test_who_only_reads_alerts_can_not_settle_them_and_who_runs_accounts_can_not_see_them(client, as_user):
    alert_id = client.get("/api/v1/alerts", headers=as_user("bo")).json()["items"][0]["id"]
    path = f"/api/v1/alerts/{alert_id}/acknowledge"
    assert client.post(path, json={}, headers=as_user("bo")).status_code == 403
    assert client.get("/api/v1/alerts", headers=as_user("ada")).status_code == 403
    assert client.get("/api/v1/alerts").status_code == 401
    assert client.get("/api/v1/alerts/999999", headers=as_user("bo")).status_code == 404
