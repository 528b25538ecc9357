"""Routes of pages: what goes wrong is shown as a page, and who is not logged in is sent to log in."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from meterhub.access.principal import Principal
from meterhub.errors import MeterhubError, NotAllowed, NotAuthenticated, NotFound
from meterhub.web.render import render
from meterhub.web.security import PAGE_HEADERS

_HEADINGS = {
    NotAllowed: "This page is not for your role",
    NotFound: "There is no such page",
}
_ADVICE = {
    NotAllowed: "Whoever administers accounts at your utility can give you the role that it needs.",
    NotFound: "It may have another number or code: look for it in its list.",
}


class PageRoute(APIRoute):
    """Answers errors with pages instead of problem documents."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with pages for errors."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except NotAuthenticated:
                return _to_login(request)
            except MeterhubError as error:
                return error_page(request, error)
            except RequestValidationError:
                return error_page(request, NotFound(f"{request.url.path} is not an address of a page"))

        return answer


def page_router() -> APIRouter:
    """Return a router for pages; they are for people, so the API's description leaves them out."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def see_other(path: str) -> RedirectResponse:
    """Send the browser on with GET."""
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


def error_page(request: Request, error: MeterhubError) -> Response:
    """Return the page of an error: what it is, and what to do."""
    principal: Principal | None = getattr(request.state, "principal", None)
    values = {
        "heading": _HEADINGS.get(type(error), "That did not work"),
        "detail": error.detail,
        "advice": _ADVICE.get(type(error), "Go back, change what is named above, and try again."),
    }
    return render(request, "error.html", values, principal=principal, status=error.status)


def _to_login(request: Request) -> Response:
    """Send a look at a page to the login form, and back afterwards; a form has to be sent again."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "?" + urlencode({"next": wanted}) if request.method == "GET" and wanted != "/" else ""
    response = see_other(f"/login{query}")
    response.headers.update(PAGE_HEADERS)
    return response
