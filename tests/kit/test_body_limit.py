from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from meterhub.kit.body_limit import STRANGERS_BYTES, BodyLimit


async def echo(request):
    return PlainTextResponse(str(len(await request.body())))


def client(limit=1000, is_known=lambda _: True):
    return TestClient(BodyLimit(Starlette(routes=[Route("/", echo, methods=["POST"])]), limit, is_known))


def test_a_body_within_the_limit_passes():
    assert client().post("/", content=b"x" * 1000).text == "1000"


def test_an_announced_body_over_the_limit_is_refused_with_a_problem():
    response = client().post("/", content=b"x" * 1001)
    assert (response.status_code, response.json()["code"]) == (413, "too-large")


def test_a_body_that_does_not_say_how_long_it_is_is_counted():
    response = client().post("/", content=(b"x" * 100 for _ in range(11)))
    assert response.status_code == 413


def test_a_stranger_may_send_a_small_body_and_is_refused_a_large_one_however_it_comes():
    stranger = client(10**6, lambda request: request.headers.get("authorization") == "Bearer good")
    assert stranger.post("/", content=b"x" * STRANGERS_BYTES).status_code == 200
    refused = stranger.post("/", content=b"x" * (STRANGERS_BYTES + 1))
    assert (refused.status_code, refused.json()["code"]) == (401, "not-authenticated")
    assert stranger.post("/", content=(b"x" * 1000 for _ in range(100))).status_code == 401
    known = {"Authorization": "Bearer good"}
    assert stranger.post("/", content=b"x" * 10**5, headers=known).text == "100000"
    assert stranger.post("/", content=(b"x" * 1000 for _ in range(100)), headers=known).text == "100000"
