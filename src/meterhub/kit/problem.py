"""Problem documents (RFC 9457): how every error of the API looks."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


def problem(status: int, code: str, detail: str, errors: Sequence[dict[str, str]] | None = None) -> JSONResponse:
    """Return a problem document: `code` is stable, `detail` says what and where, `errors` names each field."""
    body: dict[str, object] = {"type": f"urn:meterhub:problem:{code}", "status": status, "code": code}
    body |= {"title": code.replace("-", " "), "detail": detail}
    if errors:
        body["errors"] = list(errors)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)
