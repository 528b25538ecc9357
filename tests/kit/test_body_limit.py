from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from meterhub.kit.body_limit import BodyLimit


async def echo(request):
    return PlainTextResponse(str(len(await request.body())))


def client():
    return TestClient(BodyLimit(Starlette(routes=[Route("/", echo, methods=["POST"])]), limit=1000))


def test_a_body_within_the_limit_passes():
    assert client().post("/", content=b"x" * 1000).text == "1000"


def test_an_announced_body_over_the_limit_is_refused_with_a_problem():
    response = client().post("/", content=b"x" * 1001)
    assert (response.status_code, response.json()["code"]) == (413, "too-large")


def test_a_body_that_does_not_say_how_long_it_is_is_counted():
    response = client().post("/", content=(b"x" * 100 for _ in range(11)))
    assert response.status_code == 413
