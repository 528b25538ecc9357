"""Values that are text to HTTP but nothing to PostgreSQL are refused; none is an error of the server."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from meterhub.access import routes as access_routes
from meterhub.assets import routes as assets_routes
from tests.api.test_routes_and_roles import address, routes

IN_PATHS = ["a%00b", "9" * 30, "99999999999", "%20", "..%2f", "%F0%9F%92%A7", "%25", "'"]
IN_QUERIES = ["a\x00b", "9" * 30, "-1", "\U0001f4a7", "%", "\\", "'", "x" * 5000]


@pytest.fixture
def caller(hub):
    token = hub.token("admin", "billing", "operations")
    return TestClient(hub.app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def ours():
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(access_routes.router)
    app.include_router(assets_routes.router)
    return [route for route in routes(app) if route != "POST /api/v1/logout"]


def test_an_odd_value_in_a_path_is_refused_or_not_found(caller, ours):
    for route in ours:
        method, template = route.split()
        for odd in IN_PATHS if "{" in template else []:
            path = re.sub(r"\{[^}]*\}", odd, template)
            response = caller.request(method, path, json=None if method == "GET" else {})
            assert response.status_code in {404, 422}, f"{method} {path}: {response.status_code}"


@pytest.mark.parametrize("name", ["cursor", "limit", "search", "customer_no", "point_code"])
def test_an_odd_value_in_a_query_is_refused_or_finds_nothing(caller, ours, name):
    for route in ours:
        method, template = route.split()
        for odd in IN_QUERIES if method == "GET" else []:
            response = caller.get(address(template), params={name: odd})
            assert response.status_code in {200, 404, 422}, f"{template} {name}={odd!r}: {response.status_code}"
