"""One upload: a batch of telegrams becomes one HTTP request, its answer becomes one outcome.

`Delivered` is returned only for a complete, valid answer of the ingest API (`200` after the hub's commit).
Anything else is a `Deferred`: the batch stays where it is. A batch may have been committed although its
answer was lost; sending it again changes nothing at the hub.
"""

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version

import httpx2
from pydantic import BaseModel, NonNegativeInt, ValidationError

from meterhub.gateway.spool import HeardTelegram

PATH = "/api/v1/telegrams"
ANSWER_LIMIT = 16 * 1024 * 1024
"""Longest answer that is read; every telegram of the largest batch may be rejected in it [bytes]."""


class Rejection(BaseModel):
    """A telegram that the hub will not take."""

    index: NonNegativeInt
    code: str
    message: str


class Delivered(BaseModel):
    """The hub has committed the batch."""

    accepted: NonNegativeInt
    duplicates: NonNegativeInt
    quarantined: NonNegativeInt
    rejected: list[Rejection]


class Obstacle(StrEnum):
    """Why a batch was not delivered."""

    UNREACHABLE = "unreachable"
    """Network, time-out, server error, overload: passes by itself."""
    REFUSED = "refused"
    """The hub does not want this gateway or this request: takes a person."""
    TOO_LARGE = "too large"
    """The batch must be smaller."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The batch must be sent again."""

    obstacle: Obstacle
    message: str
    retry_after_s: float | None = None
    """How long the hub asks to wait [s]."""


class Uplink:
    """The connection to one hub. `token` is asked at each upload, so a new token file needs no restart.

    A `replay` of old telegrams says so, and is not taken for a sign of life. With `max_kbit_s` the uploads of a
    minute take no more of the line than that [kbit/s], as long as `rest_s` is waited for.
    """

    def __init__(
        self,
        hub_url: str,
        gateway: str,
        token: Callable[[], str],
        *,
        timeout_s: float = 60.0,
        replay: bool = False,
        max_kbit_s: float | None = None,
    ) -> None:
        self._url = hub_url.rstrip("/") + PATH
        self._gateway = gateway
        self._token = token
        self._timeout_s = timeout_s
        self._replay = replay
        self._max_kbit_s = max_kbit_s
        self._rest_until = 0.0
        self._version = version("meterhub")
        timeout = httpx2.Timeout(timeout_s, connect=min(10.0, timeout_s))
        self._client = httpx2.Client(timeout=timeout, follow_redirects=False)

    def send(self, telegrams: tuple[HeardTelegram, ...], spool_depth: int) -> Delivered | Deferred:
        """Upload one batch and return what became of it; never raises for what hub or network do."""
        try:
            token = self._token()
        except (OSError, ValueError) as error:
            return Deferred(Obstacle.REFUSED, f"token cannot be read: {error}")
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "X-Meterhub-Gateway": f"version={self._version}; spool={spool_depth}; {self._circumstances()}",
        }
        content = gzip.compress(_body(self._gateway, telegrams), compresslevel=6, mtime=0)
        if self._max_kbit_s:
            self._rest_until = time.monotonic() + len(content) * 8 / 1000 / self._max_kbit_s
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._client.stream("POST", self._url, content=content, headers=headers) as response:
                answer = bytearray()
                for chunk in response.iter_bytes():
                    answer += chunk
                    if time.monotonic() > deadline or len(answer) > ANSWER_LIMIT:
                        return Deferred(Obstacle.UNREACHABLE, "the answer takes too long or is too large")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Deferred(Obstacle.UNREACHABLE, f"{type(error).__name__}: {error}")
        return _outcome(response, bytes(answer), len(telegrams))

    def rest_s(self) -> float:
        """Return how long to wait before the next upload so that the line is not used beyond its share [s]."""
        return max(0.0, self._rest_until - time.monotonic())

    def _circumstances(self) -> str:
        """Say that this is a replay, or what the clock shows, by which the hub sees whether it is right."""
        return "replay=yes" if self._replay else f"now={datetime.now(UTC).isoformat(timespec='seconds')}"

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _body(gateway: str, telegrams: tuple[HeardTelegram, ...]) -> bytes:
    items = [
        {
            "frame": telegram.frame.hex().upper(),
            "received_at": telegram.received_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "rssi_dbm": telegram.rssi_dbm,
            "link_mode": telegram.link_mode,
        }
        for telegram in telegrams
    ]
    return json.dumps({"gateway": gateway, "telegrams": items}, separators=(",", ":")).encode()


def _outcome(response: httpx2.Response, answer: bytes, count: int) -> Delivered | Deferred:
    status = response.status_code
    if status == 200:
        try:
            delivered = Delivered.model_validate_json(answer)
        except ValidationError:
            return Deferred(Obstacle.REFUSED, f"answer 200 is not that of a meterhub hub: {_excerpt(answer)}")
        if any(item.index >= count for item in delivered.rejected):
            return Deferred(Obstacle.REFUSED, "the hub rejected telegrams that were not in the batch")
        return delivered
    message = f"HTTP {status}: {_excerpt(answer)}"
    if status == 413:
        return Deferred(Obstacle.TOO_LARGE, message)
    if status in {408, 425, 429} or status >= 500:
        return Deferred(Obstacle.UNREACHABLE, message, _retry_after(response))
    return Deferred(Obstacle.REFUSED, message)


def _excerpt(answer: bytes) -> str:
    """Return the stable code and detail of a problem document, or the start of whatever came."""
    try:
        problem = json.loads(answer)
        return f"{problem['code']}: {problem.get('detail', '')}"[:200]
    except (ValueError, KeyError, TypeError, AttributeError):
        return repr(answer[:80])


def _retry_after(response: httpx2.Response) -> float | None:
    try:
        return min(3600.0, max(0.0, float(response.headers.get("Retry-After", ""))))
    except ValueError:
        return None
