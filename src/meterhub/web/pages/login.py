"""Logging in and out."""

from typing import Annotated

from fastapi import Depends, Form, Request, Response

from meterhub.access import service
from meterhub.access.dependencies import SESSION_COOKIE, ClockDep, EngineDep, SettingsDep
from meterhub.access.principal import Principal
from meterhub.errors import NotAuthenticated, TooManyTries
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, own_path, session_principal

router = page_router()

Text = Annotated[str, Form(max_length=1000)]


@router.get("/login")
def show(request: Request, next: str | None = None) -> Response:  # noqa: A002 - the name in the address
    """Ask for user name and password."""
    return render(request, "login.html", {"next": own_path(next), "username": "", "problem": ""})


@router.post("/login", dependencies=[Depends(own_form)])
def log_in(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    username: Text = "",
    password: Text = "",
    next: Text = "/",  # noqa: A002 - the name of the field
) -> Response:
    """Start a session and go on to the page that was wanted."""
    try:
        token = service.log_in(
            engine,
            username,
            password,
            now=clock(),
            session_hours=settings.session_hours,
            secret=settings.require_master_key(),
        )
    except (NotAuthenticated, TooManyTries) as error:
        values = {"next": own_path(next), "username": username, "problem": error.detail}
        return render(request, "login.html", values, status=error.status)
    response = see_other(own_path(next))
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=settings.session_hours * 3600,
        httponly=True,
        secure=settings.secure_cookies,
        samesite="strict",
    )
    return response


@router.post("/logout", dependencies=[Depends(own_form)])
def log_out(
    engine: EngineDep, settings: SettingsDep, principal: Annotated[Principal, Depends(session_principal)]
) -> Response:
    """End the session."""
    with engine.begin() as connection:
        service.log_out(connection, principal)
    response = see_other("/login")
    response.delete_cookie(SESSION_COOKIE, httponly=True, secure=settings.secure_cookies, samesite="strict")
    return response
