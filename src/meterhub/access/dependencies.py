"""What routes ask for: the engine, the settings, the clock, and a caller with a permission."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from starlette.requests import HTTPConnection

from meterhub.access import audit, service
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.errors import NotAllowed, NotAuthenticated
from meterhub.kit.clock import Clock
from meterhub.settings import Settings

SESSION_COOKIE = "meterhub_session"

bearer = HTTPBearer(auto_error=False, description="A session token from POST /api/v1/login, or a gateway's.")


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


EngineDep = Annotated[Engine, Depends(_engine)]
SettingsDep = Annotated[Settings, Depends(_settings)]
ClockDep = Annotated[Clock, Depends(_clock)]


def bearer_principal(
    engine: EngineDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    """Return who sends the bearer token of this request."""
    if credentials is None:
        raise NotAuthenticated("this needs a token: send the header 'Authorization: Bearer ...'")
    with engine.connect() as connection:
        return service.authenticate(connection, credentials.credentials)


def is_known(engine: Engine, request: HTTPConnection) -> bool:
    """Tell whether a request carries a token that is valid, of a machine or of a session."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        token = request.cookies.get(SESSION_COOKIE, "")
    if not token:
        return False
    try:
        with engine.connect() as connection:
            service.authenticate(connection, token)
    except (NotAuthenticated, OperationalError, NoFreeConnection):
        return False
    return True


def check(engine: Engine, principal: Principal, permission: Permission, path: str) -> Principal:
    """Return the caller if it holds the permission; a refusal is logged."""
    if not principal.may(permission):
        with engine.begin() as connection:
            audit.record(
                connection,
                principal,
                action="refused",
                purpose="access",
                detail={"permission": permission, "path": quote(path)},  # decoded, it may hold anything
            )
        raise NotAllowed(f"this needs the permission '{permission}', which {principal.name} does not have")
    return principal


def require(permission: Permission) -> Any:
    """Return a dependency that lets only callers with this permission through."""

    def guard(
        request: Request, engine: EngineDep, principal: Annotated[Principal, Depends(bearer_principal)]
    ) -> Principal:
        return check(engine, principal, permission, request.url.path)

    guard.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(guard)
