"""Values that are text to HTTP but nothing to PostgreSQL are refused; none is an error of the server."""

import re

import pytest
from fastapi.testclient import TestClient

from tests.api.test_routes_and_roles import GATEWAY, MAY_CALL, address, routes

IN_PATHS = ["a%00b", "9" * 30, "99999999999", "%20", "..%2f", "%F0%9F%92%A7", "%25", "'"]
# What its path names is made where it does not exist.
NAMING = {"POST /api/v1/gateways/{name}/enrolment-code"}
IN_QUERIES = ["a\x00b", "9" * 30, "-1", "\U0001f4a7", "%", "\\", "'", "x" * 5000]


@pytest.fixture
def caller(hub):
    token = hub.token("admin", "billing", "operations")
    return TestClient(hub.app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)


@pytest.fixture
def ours(hub):
    return [
        r for r in routes(hub.app) if " /api/v1/" in r and r != "POST /api/v1/logout" and MAY_CALL[r] != {GATEWAY}
    ]


def test_an_odd_value_in_a_path_is_refused_or_not_found(caller, ours):
    for route in ours:
        method, template = route.split()
        for odd in IN_PATHS if "{" in template and route not in NAMING else []:
            path = re.sub(r"\{[^}]*\}", odd, template)
            response = caller.request(method, path, json=None if method == "GET" else {})
            assert response.status_code in {404, 422}, f"{method} {path}: {response.status_code}"


@pytest.mark.parametrize(
    "name", ["cursor", "limit", "search", "customer_no", "point_code", "reason", "since", "run", "from"]
)
def test_an_odd_value_in_a_query_is_refused_or_finds_nothing(caller, ours, name):
    for route in ours:
        method, template = route.split()
        for odd in IN_QUERIES if method == "GET" else []:
            response = caller.get(address(template), params={name: odd})
            assert response.status_code in {200, 404, 422}, f"{template} {name}={odd!r}: {response.status_code}"


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not(hub, announced):
    blocks = [b" " * 2**20] * 33
    response = hub.client("billing").post(
        "/api/v1/tariffs", content=b"".join(blocks) if announced else iter(blocks)
    )
    assert response.status_code == 413
    assert response.json()["code"] == "too-large"
