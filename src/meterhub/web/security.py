"""Who looks at a page, and what browsers are told so that nobody else can act for them."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from meterhub.access import service
from meterhub.access.dependencies import SESSION_COOKIE, EngineDep, check
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.errors import NotAllowed, NotAuthenticated

# No script at all, nothing from elsewhere, no framing; forms go to this hub only.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def session_principal(request: Request, engine: EngineDep) -> Principal:
    """Return whose session the cookie names."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise NotAuthenticated("log in to see this page")
    with engine.connect() as connection:
        request.state.principal = service.authenticate(connection, token)
    principal: Principal = request.state.principal
    return principal


def page(permission: Permission) -> Any:
    """Return a dependency that lets only logged-in people with this permission see a page."""

    def guard(
        request: Request, engine: EngineDep, principal: Annotated[Principal, Depends(session_principal)]
    ) -> Principal:
        try:
            return check(engine, principal, permission, request.url.path)
        except NotAllowed:
            raise NotAllowed(f"it needs the permission “{permission}”") from None

    guard.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(guard)


def own_form(request: Request) -> None:
    """Refuse a form that another site has sent: browsers say where a form comes from.

    The session cookie is SameSite=Strict besides; this also covers logging in, where there is none yet.
    """
    source = request.headers.get("origin") or request.headers.get("referer") or ""
    if urlsplit(source).netloc != request.headers.get("host"):
        raise NotAllowed("this form was not sent from a page of this hub; open the page again and repeat")


def own_path(path: str | None) -> str:
    """Return a path of this hub to go on to after logging in; anything else becomes the overview."""
    if path is None or not path.startswith("/") or path.startswith(("//", "/login")):
        return "/"
    # browsers read a backslash as a slash, and leave control characters out before they read on
    return path if "\\" not in path and path.isprintable() else "/"
