"""The demo as a client of the hub: what clerks, operations and gateways do over HTTP."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2

from meterhub.simulate.demo.processes import DemoFailed

TIMEOUT_S = 120


class HubClient:
    """A logged-in person, or a gateway, talking to the hub."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT_S)

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:  # Any: JSON
        """Call the API; return the JSON of the answer, raise with the problem if it is one."""
        parameters: Any = {name: str(value) for name, value in query.items() if value is not None}
        answer = self._http.request(method, path, json=body, params=parameters)
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was answered with {answer.status_code}: {answer.text[:800]}")
        return answer.json() if answer.content else None

    def upload(self, path: str, file: Path) -> dict[str, Any]:
        """Upload a file as a form does; return the JSON of the answer."""
        answer = self._http.post(path, files={"file": (file.name, file.read_bytes())})
        if answer.is_error:
            raise DemoFailed(f"POST {path} was answered with {answer.status_code}: {answer.text[:800]}")
        result: dict[str, Any] = answer.json()
        return result

    def download(self, path: str) -> bytes:
        """Return the body of a document."""
        answer = self._http.get(path)
        if answer.is_error:
            raise DemoFailed(f"GET {path} was answered with {answer.status_code}: {answer.text[:800]}")
        return answer.content

    def everything(self, path: str, **query: object) -> Iterator[Any]:  # Any: JSON
        """Yield all items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.call("GET", path, limit=500, cursor=cursor, **query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def send(self, gateway: str, telegrams: list[dict[str, object]]) -> dict[str, Any]:
        """Upload a batch as a gateway does."""
        body = gzip.compress(json.dumps({"gateway": gateway, "telegrams": telegrams}).encode(), 1)
        answer = self._http.post(
            "/api/v1/telegrams",
            content=body,
            headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )
        if answer.is_error:
            raise DemoFailed(f"a batch of {gateway} was answered with {answer.status_code}: {answer.text[:800]}")
        result: dict[str, Any] = answer.json()
        return result


def wait_for_hub(url: str, check: Callable[[], None], timeout_s: float = 60) -> None:
    """Wait until the hub answers."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        check()
        try:
            if httpx2.get(f"{url}/health", timeout=5).status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise DemoFailed(f"the hub at {url} does not answer within {timeout_s:.0f} s")


def log_in(url: str, username: str, password: str) -> HubClient:
    """Return a client with a session."""
    token = HubClient(url).call("POST", "/api/v1/login", {"username": username, "password": password})["token"]
    return HubClient(url, token)
