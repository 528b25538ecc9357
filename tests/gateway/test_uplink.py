"""One upload over real HTTP, with a hub that fails in every way."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from meterhub.gateway.uplink import Deferred, Delivered, Obstacle, Uplink
from tests.gateway.local_hub import TOKEN, Fault, LocalHub
from tests.gateway.telegrams import some_telegrams

BATCH = tuple(some_telegrams(0, 3))


@pytest.fixture
def uplink(hub: LocalHub) -> Iterator[Uplink]:
    uplink = Uplink(hub.url, "tower", lambda: TOKEN, timeout_s=0.5)
    yield uplink
    uplink.close()


def test_a_batch_goes_out_as_the_ingest_api_says(hub: LocalHub, uplink: Uplink) -> None:
    outcome = uplink.send(BATCH, spool_depth=17)
    assert outcome == Delivered(accepted=3, duplicates=0, quarantined=0, rejected=[])
    (batch,) = hub.batches
    assert batch["gateway"] == "tower"
    assert batch["telegrams"][1] == {
        "frame": "1044AE0C78563412010778041301000000",
        "received_at": "2026-03-01T12:00:00.124456Z",
        "rssi_dbm": -61,
        "link_mode": "C/T",
    }
    (headers,) = hub.requests
    assert headers["content-encoding"] == "gzip"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert "; spool=17; now=2" in headers["x-meterhub-gateway"]


def test_sending_again_is_told_apart_by_the_hub_alone(uplink: Uplink) -> None:
    uplink.send(BATCH, 3)
    assert uplink.send(BATCH, 3) == Delivered(accepted=0, duplicates=3, quarantined=0, rejected=[])


def test_a_trailing_slash_in_the_hubs_url_does_no_harm(hub: LocalHub) -> None:
    uplink = Uplink(f"{hub.url}/", "tower", lambda: TOKEN)
    assert isinstance(uplink.send(BATCH, 3), Delivered)
    uplink.close()


@pytest.mark.parametrize(
    ("fault", "obstacle"),
    [
        (Fault(500), Obstacle.UNREACHABLE),
        (Fault(502, b"<html>bad gateway</html>"), Obstacle.UNREACHABLE),
        (Fault(503), Obstacle.UNREACHABLE),
        (Fault(408), Obstacle.UNREACHABLE),
        (Fault(429), Obstacle.UNREACHABLE),
        (Fault(delay_s=0.8), Obstacle.UNREACHABLE),
        (Fault(commit=True, cut_off=True), Obstacle.UNREACHABLE),
        (Fault(301, headers={"Location": "https://elsewhere.example/"}), Obstacle.REFUSED),
        (Fault(400), Obstacle.REFUSED),
        (Fault(401), Obstacle.REFUSED),
        (Fault(403), Obstacle.REFUSED),
        (Fault(404), Obstacle.REFUSED),
        (Fault(422), Obstacle.REFUSED),
        (Fault(413), Obstacle.TOO_LARGE),
    ],
)
def test_what_is_not_an_acknowledgement_defers_the_batch(
    hub: LocalHub, uplink: Uplink, fault: Fault, obstacle: Obstacle
) -> None:
    hub.faults.append(fault)
    outcome = uplink.send(BATCH, 3)
    assert isinstance(outcome, Deferred)
    assert outcome.obstacle is obstacle
    assert isinstance(uplink.send(BATCH, 3), Delivered)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome to the hotel's network</html>",
        b"{}",
        b'{"accepted": 3}',
        b'{"accepted": -3, "duplicates": 0, "quarantined": 0, "rejected": []}',
        b'{"accepted":2,"duplicates":0,"quarantined":0,"rejected":[{"index":3,"code":"c","message":"m"}]}',
    ],
)
def test_a_200_that_is_not_the_hubs_answer_acknowledges_nothing(
    hub: LocalHub, uplink: Uplink, body: bytes
) -> None:
    hub.faults.append(Fault(200, body))
    outcome = uplink.send(BATCH, 3)
    assert isinstance(outcome, Deferred)
    assert outcome.obstacle is Obstacle.REFUSED


def test_rejected_telegrams_are_named(hub: LocalHub, uplink: Uplink) -> None:
    hub.rejects.add(BATCH[2].frame.hex().upper())
    outcome = uplink.send(BATCH, 3)
    assert isinstance(outcome, Delivered)
    (rejection,) = outcome.rejected
    assert (rejection.index, rejection.code) == (2, "frame.bad")


@pytest.mark.parametrize(("value", "wait_s"), [("7", 7.0), ("999999", 3600.0), ("-1", 0.0), ("soon", None)])
def test_the_hub_may_say_how_long_to_wait(hub: LocalHub, uplink: Uplink, value: str, wait_s: float | None) -> None:
    hub.faults.append(Fault(429, headers={"Retry-After": value}))
    outcome = uplink.send(BATCH, 3)
    assert isinstance(outcome, Deferred)
    assert outcome.retry_after_s == wait_s


def test_a_problem_is_told_by_its_code_and_detail(hub: LocalHub) -> None:
    uplink = Uplink(hub.url, "tower", lambda: "wrong")
    outcome = uplink.send(BATCH, 3)
    assert outcome == Deferred(Obstacle.REFUSED, "HTTP 401: access.token-unknown: who is this?")
    uplink.close()


def test_the_token_is_asked_for_each_time(hub: LocalHub) -> None:
    tokens = iter(["old", TOKEN])
    uplink = Uplink(hub.url, "tower", lambda: next(tokens))
    assert isinstance(uplink.send(BATCH, 3), Deferred)
    assert isinstance(uplink.send(BATCH, 3), Delivered)
    uplink.close()


def test_a_token_that_cannot_be_read_defers_the_batch(hub: LocalHub) -> None:
    def no_token() -> str:
        raise FileNotFoundError("no such file")

    uplink = Uplink(hub.url, "tower", no_token)
    outcome = uplink.send(BATCH, 3)
    assert outcome == Deferred(Obstacle.REFUSED, "token cannot be read: no such file")
    assert hub.requests == []
    uplink.close()


def test_a_hub_that_is_not_there_defers_the_batch() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    uplink = Uplink(f"http://127.0.0.1:{port}", "tower", lambda: TOKEN)
    outcome = uplink.send(BATCH, 3)
    assert isinstance(outcome, Deferred)
    assert outcome.obstacle is Obstacle.UNREACHABLE
    uplink.close()


def trickle(listener: socket.socket, stop: threading.Event) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.05):
            try:
                connection.sendall(b" ")
            except OSError:
                return


def test_an_answer_that_trickles_for_ever_is_given_up() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener, stop))
        thread.start()
        uplink = Uplink(f"http://127.0.0.1:{listener.getsockname()[1]}", "tower", lambda: TOKEN, timeout_s=0.4)
        began = time.monotonic()
        outcome = uplink.send(BATCH, 3)
        assert time.monotonic() - began < 2
        assert isinstance(outcome, Deferred)
        assert outcome.obstacle is Obstacle.UNREACHABLE
        stop.set()
        thread.join()
        uplink.close()
