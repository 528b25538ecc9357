"""Questions to the hub beside the upload of telegrams: enrolment, reports, tokens, the list of meters."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import httpx2

TIMEOUT_S = 30.0
ANSWER_LIMIT = 16 * 1024 * 1024
"""Longest answer that is read [bytes]."""


class HubError(Exception):
    """The hub could not be asked, or does not want to answer; the message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """What HTTP said, None where the hub was not reached."""


class HubClient:
    """A connection to one hub."""

    def __init__(self, hub_url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = hub_url.rstrip("/")
        timeout = httpx2.Timeout(timeout_s, connect=min(10.0, timeout_s))
        agent = f"meterhub-gateway/{version('meterhub')}"
        self._client = httpx2.Client(timeout=timeout, follow_redirects=False, headers={"User-Agent": agent})

    def ask(
        self, method: str, path: str, *, token: str = "", body: Mapping[str, object] | None = None
    ) -> Any:  # Any: JSON
        """Return the answer to one question; raises `HubError` for whatever goes wrong."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with self._client.stream(method, self._url + path, json=body, headers=headers) as response:
                answer = bytearray()
                for chunk in response.iter_bytes():
                    answer += chunk
                    if len(answer) > ANSWER_LIMIT:
                        raise HubError("the answer is too large")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise HubError(f"{type(error).__name__}: {error}") from None
        try:
            document = json.loads(bytes(answer))
        except ValueError:
            raise HubError(
                f"HTTP {response.status_code} without JSON: not a meterhub hub", response.status_code
            ) from None
        if response.status_code // 100 != 2:
            detail = document.get("detail", "") if isinstance(document, dict) else ""
            raise HubError(f"HTTP {response.status_code}: {str(detail)[:300]}", response.status_code)
        return document

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
