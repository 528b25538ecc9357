"""What can go wrong for a caller: each kind has a stable code, an HTTP status and a next step.

Rendered as problem JSON (RFC 9457) at the HTTP edge, as one line on the command line.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar


class MeterhubError(Exception):
    """Base of all errors that a caller can do something about."""

    code: ClassVar[str] = "error"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    def __init__(self, detail: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = dict(fields or {})


class NotAuthenticated(MeterhubError):
    """No token, an unknown one, or one that has ended."""

    code = "not-authenticated"
    status = HTTPStatus.UNAUTHORIZED


class NotAllowed(MeterhubError):
    """The caller is known but lacks the permission."""

    code = "not-allowed"
    status = HTTPStatus.FORBIDDEN


class NotFound(MeterhubError):
    """Nothing by that name; the detail names what was looked for."""

    code = "not-found"
    status = HTTPStatus.NOT_FOUND


class Conflict(MeterhubError):
    """The request contradicts what is stored."""

    code = "conflict"
    status = HTTPStatus.CONFLICT


class BadInput(MeterhubError):
    """A value is not usable; `fields` names each."""

    code = "bad-input"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooLarge(MeterhubError):
    """The request is over a limit that the detail names."""

    code = "too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyTries(MeterhubError):
    """Too many failed logins: wait."""

    code = "too-many-tries"
    status = HTTPStatus.TOO_MANY_REQUESTS


class Busy(MeterhubError):
    """The hub does as many of these as it can already: come back later."""

    code = "busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class NotConfigured(MeterhubError):
    """The installation lacks a setting; the detail names it and how to give it."""

    code = "not-configured"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
