"""No request body is read beyond a limit, whatever its route would do with it; strangers' limit is small."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meterhub.kit.problem import problem

STRANGERS_BYTES = 64 * 1024  # more than any login, enrolment or form takes
_REFUSED = "a body this large needs a token: send the header 'Authorization: Bearer ...'"


class BodyLimit:
    """ASGI middleware: a body over `limit` bytes, announced or not, is refused with 413.

    Frameworks read a body before they ask who sends it. So what is larger than strangers may send is refused with
    401 unless `is_known` finds a valid token in the headers; it is asked once, and only then.
    """

    def __init__(self, app: ASGIApp, limit: int, is_known: Callable[[HTTPConnection], bool]) -> None:
        self._app = app
        self._limit = limit
        self._is_known = is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what is read of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = f"the body is over {self._limit // 2**20} MB: send less at once"
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        announced = int(length) if length.isdigit() else 0
        if announced > self._limit:
            await problem(413, "too-large", refused)(scope, receive, send)
            return
        known = False
        if announced > STRANGERS_BYTES:
            known = await self._ask(scope)
            if not known:
                await problem(401, "not-authenticated", _REFUSED)(scope, receive, send)
                return
        size = 0

        async def counted() -> Message:
            nonlocal size, known
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise HTTPException(413, refused)
            if size > STRANGERS_BYTES and not known:
                known = await self._ask(scope)
                if not known:
                    raise HTTPException(401, _REFUSED)
            return message

        await self._app(scope, counted, send)

    async def _ask(self, scope: Scope) -> bool:
        return await run_in_threadpool(self._is_known, HTTPConnection(scope))
