import logging

import pytest

from meterhub.access import service
from meterhub.access.principal import SYSTEM

PASSWORD = "correct horse battery staple"


@pytest.fixture
def maija(hub):
    with hub.engine.begin() as connection:
        service.create_user(
            connection, SYSTEM, username="maija", display_name="Maija", roles=["billing"], password=PASSWORD
        )


def test_who_logs_in_works_with_the_token_until_logging_out(hub, maija):
    client = hub.client()
    session = client.post("/api/v1/login", json={"username": "maija", "password": PASSWORD}).json()
    assert session["expires_in_s"] == 12 * 3600
    headers = {"Authorization": f"Bearer {session['token']}"}
    me = client.get("/api/v1/me", headers=headers).json()
    assert (me["name"], me["roles"]) == ("maija", ["billing"])
    assert "invoices:read" in me["permissions"]
    assert client.get("/api/v1/customers", headers=headers).status_code == 200
    assert client.post("/api/v1/logout", headers=headers).status_code == 204
    refused = client.get("/api/v1/me", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "not-authenticated")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_password_is_refused_without_saying_more(hub, maija):
    response = hub.client().post("/api/v1/login", json={"username": "maija", "password": "wrong"})
    assert response.status_code == 401
    assert response.json()["detail"] == "user name and password do not match an active account"


@pytest.mark.parametrize(
    "body",
    [
        {"username": "maija", "password": [PASSWORD]},
        {"username": "maija", "password": {"is": PASSWORD}},
        {"username": 7, "password": PASSWORD},
        {"username": "maija\x00", "password": PASSWORD},
        {"password": PASSWORD},
        {"username": "maija", "password": PASSWORD, "token": PASSWORD},
        {"username": "maija", "password": PASSWORD * 100},
        PASSWORD,
    ],
)
def test_a_malformed_login_never_echoes_the_password(hub, maija, caplog, body):
    caplog.set_level(logging.DEBUG)
    response = hub.client().post("/api/v1/login", json=body)
    assert response.status_code == 422
    assert PASSWORD not in response.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic bWFpamE6eA==", "mh_session_x", "Bearer \xff\xfe"]
)
def test_a_header_without_a_token_of_ours_is_refused(hub, header):
    response = hub.client().get("/api/v1/me", headers={"Authorization": header.encode("latin-1")})
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def test_changing_an_account_ends_its_session_at_once(hub, maija):
    client = hub.client()
    token = client.post("/api/v1/login", json={"username": "maija", "password": PASSWORD}).json()["token"]
    changed = hub.client("admin").patch("/api/v1/users/maija", json={"roles": ["read-only"]})
    assert changed.status_code == 204
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_administrator_opens_and_lists_accounts_without_their_hashes(hub):
    admin = hub.client("admin")
    body = {"username": "matti", "display_name": "Matti", "roles": ["operations"], "password": PASSWORD}
    assert admin.post("/api/v1/users", json=body).status_code == 201
    listed = admin.get("/api/v1/users")
    assert "matti" in [user["username"] for user in listed.json()]
    assert "hash" not in listed.text
    assert "argon2" not in listed.text


def test_a_refusal_is_on_record_with_the_permission_and_the_path(hub):
    refused = hub.client("operations").get("/api/v1/customers/C-1")
    assert refused.status_code == 403
    assert "customers:read" in refused.json()["detail"]
    (note,) = hub.audit("refused")
    assert note["detail"] == {"permission": "customers:read", "path": "/api/v1/customers/C-1"}


def test_a_refusal_of_a_path_with_a_null_character_is_a_refusal(hub):
    assert hub.client("operations").get("/api/v1/customers/C%001").status_code == 403
    assert hub.audit("refused")[0]["detail"]["path"] == "/api/v1/customers/C%001"


def test_the_audit_log_is_read_newest_first_page_by_page(hub):
    admin = hub.client("admin")
    for number in range(5):
        admin.post("/api/v1/gateways", json={"name": f"g-{number}"})
    first = admin.get("/api/v1/audit", params={"limit": 3}).json()
    assert [event["subject"] for event in first["items"]] == ["gateway:g-4", "gateway:g-3", "gateway:g-2"]
    rest = admin.get("/api/v1/audit", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [event["subject"] for event in rest["items"]] == ["gateway:g-1", "gateway:g-0"]
    assert rest["next_cursor"] is None
