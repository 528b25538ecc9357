import gzip
import json

import pytest
from sqlalchemy import create_engine

from meterhub.app import create_app
from meterhub.kit.db import make_engine
from meterhub.settings import Settings
from tests.api.hub import MASTER_KEY, Hub

LISTS = ["customers", "contracts", "properties", "metering-points", "meters"]


def problem(response, status, code):
    """The problem document of a response, checked for its form (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:meterhub:problem:{code}"
    assert body["title"]
    assert body["detail"]
    return body


def fields(response):
    return [error["field"] for error in problem(response, 422, "bad-input")["errors"]]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/meters/KAM", "/nothing", "/api/v2/customers"])
def test_an_unknown_route_says_so(hub, path):
    assert path in problem(hub.client("admin").get(path), 404, "not-found")["detail"]


def test_a_wrong_method_says_so(hub):
    found = problem(hub.client("admin").delete("/api/v1/users"), 405, "method-not-allowed")
    assert "DELETE /api/v1/users" in found["detail"]


def test_what_is_not_found_is_named(hub):
    for path in ("customers/C-1", "contracts/C-1", "metering-points/C-1", "properties/C-1", "meters/KAM/00000001"):
        detail = problem(hub.client("billing").get(f"/api/v1/{path}"), 404, "not-found")["detail"]
        assert path.rsplit("/", 1)[1] in detail


def test_a_body_that_is_not_json_is_refused(hub):
    client = hub.client("billing")
    response = client.post("/api/v1/customers", content=b"{not json", headers={"content-type": "application/json"})
    assert problem(response, 422, "bad-input")["errors"]
    problem(client.post("/api/v1/customers"), 422, "bad-input")
    problem(client.post("/api/v1/customers", json=[]), 422, "bad-input")


def test_missing_and_misspelt_fields_are_all_named_at_once(hub):
    body = {"customer_no": "C-1", "nmae": "x", "street": "s", "city": 7}
    response = hub.client("billing").post("/api/v1/customers", json=body)
    assert sorted(fields(response)) == ["city", "name", "nmae", "postal_code"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"limit": "many"}, {"cursor": "a\x00b"}])
def test_a_page_that_cannot_be_is_refused_by_field(hub, path, query):
    response = hub.client("billing").get(f"/api/v1/{path}", params=query)
    assert fields(response) == [f"query.{name}" for name in query]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "1 OR 1=1", "9" * 30, "²"])
def test_a_cursor_that_the_audit_log_did_not_give_out_is_refused(hub, cursor):
    response = hub.client("admin").get("/api/v1/audit", params={"cursor": cursor})
    assert fields(response) == ["query.cursor"]


def test_a_null_character_in_a_path_is_refused(hub):
    assert fields(hub.client("billing").get("/api/v1/customers/C%001")) == ["path.customer_no"]
    assert fields(hub.client("admin").delete("/api/v1/gateways/a%00/token")) == ["path.name"]
    assert fields(hub.client("admin").patch("/api/v1/users/a%00", json={"active": True})) == ["path.username"]


@pytest.mark.parametrize(
    "content",
    [b"not gzip", gzip.compress(b'{"gateway": "g", "telegrams": []}')[:-6], b"", gzip.compress(b"{}") + b"more"],
    ids=["another format", "cut short", "nothing", "something behind"],  # gzip puts the time into its bytes
)
def test_a_batch_whose_gzip_is_damaged_is_refused_and_nothing_breaks(hub, content):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    response = hub.gateway().post("/api/v1/telegrams", content=content, headers=headers)
    assert problem(response, 422, "bad-input")


def test_a_batch_whose_gzip_is_sound_is_taken(hub):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    content = gzip.compress(json.dumps({"gateway": "tower", "telegrams": []}).encode())
    response = hub.gateway("tower").post("/api/v1/telegrams", content=content, headers=headers)
    assert response.status_code == 200, response.text


def test_an_unknown_encoding_is_refused(hub):
    headers = {"content-type": "application/json", "content-encoding": "br"}
    response = hub.gateway().post("/api/v1/telegrams", content=b"{}", headers=headers)
    assert response.status_code in {415, 422}
    problem(response, response.status_code, response.json()["code"])


def test_a_database_that_is_gone_is_a_problem_to_come_back_from(hub, tmp_path):
    gone = make_engine(f"postgresql://postgres@/gone?host={tmp_path}")
    lost = Hub(gone, create_app(gone, Settings(master_key=MASTER_KEY.hex())))
    response = lost.client().get("/api/v1/me", headers={"Authorization": "Bearer x"})
    problem(response, 503, "database-unavailable")
    assert str(tmp_path) not in response.text
    assert lost.client().get("/health").status_code == 503
    assert hub.client().get("/health").status_code == 200


def test_a_hub_whose_connections_are_all_in_use_says_come_back(hub):
    narrow = create_engine(hub.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    full = Hub(narrow, create_app(narrow, Settings(master_key=MASTER_KEY.hex())))
    with narrow.connect():
        response = full.client().get("/api/v1/me", headers={"Authorization": "Bearer x"})
        problem(response, 503, "database-unavailable")
        assert full.client().get("/health").status_code == 503
    assert full.client().get("/health").status_code == 200
    narrow.dispose()
