"""REST for sessions, accounts, gateways' tokens and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from meterhub.access import repository, service
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, bearer_principal, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.access.schemas import (
    AuditEvent,
    GatewayToken,
    Login,
    Me,
    Name,
    NewGateway,
    NewUser,
    Session,
    User,
    UserChange,
)
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.post("/login")
def log_in(body: Login, engine: EngineDep, settings: SettingsDep, clock: ClockDep) -> Session:
    """Start a session; no token is needed for this."""
    token = service.log_in(
        engine,
        body.username,
        body.password,
        now=clock(),
        session_hours=settings.session_hours,
        secret=settings.require_master_key(),
    )
    return Session(token=token, expires_in_s=settings.session_hours * 3600)


@router.post("/logout", status_code=204)
def log_out(engine: EngineDep, principal: Annotated[Principal, Depends(bearer_principal)]) -> Response:
    """End the session whose token is sent."""
    with engine.begin() as connection:
        service.log_out(connection, principal)
    return Response(status_code=204)


@router.get("/me")
def me(principal: Annotated[Principal, Depends(bearer_principal)]) -> Me:
    """Say who the caller is."""
    return Me(
        name=principal.name, roles=list(principal.roles), permissions=sorted(map(str, principal.permissions))
    )


@router.get("/users")
def list_users(engine: EngineDep, principal: Annotated[Principal, require(Permission.MANAGE_USERS)]) -> list[User]:
    """List all accounts."""
    with engine.connect() as connection:
        return [User.model_validate(row._mapping) for row in repository.list_users(connection)]


@router.post("/users", status_code=201)
def create_user(
    body: NewUser, engine: EngineDep, principal: Annotated[Principal, require(Permission.MANAGE_USERS)]
) -> dict[str, str]:
    """Open an account for a named person."""
    with engine.begin() as connection:
        service.create_user(connection, principal, **body.model_dump())
    return {"username": body.username}


@router.patch("/users/{username}", status_code=204)
def change_user(
    username: Name,
    body: UserChange,
    engine: EngineDep,
    principal: Annotated[Principal, require(Permission.MANAGE_USERS)],
) -> Response:
    """Change roles or password, or close an account; its sessions end."""
    with engine.begin() as connection:
        service.change_user(connection, principal, username, **body.model_dump())
    return Response(status_code=204)


@router.post("/gateways", status_code=201)
def enrol_gateway(
    body: NewGateway, engine: EngineDep, principal: Annotated[Principal, require(Permission.MANAGE_GATEWAYS)]
) -> GatewayToken:
    """Enrol a gateway; its token is shown this once only."""
    with engine.begin() as connection:
        token = service.enrol_gateway(connection, principal, body.name, body.place)
    return GatewayToken(gateway=body.name, token=token)


@router.post("/gateways/{name}/token", status_code=201)
def renew_gateway_token(
    name: Name, engine: EngineDep, principal: Annotated[Principal, require(Permission.MANAGE_GATEWAYS)]
) -> GatewayToken:
    """Give a gateway a new token; the old ones end at once."""
    with engine.begin() as connection:
        token = service.renew_gateway_token(connection, principal, name)
    return GatewayToken(gateway=name, token=token)


@router.delete("/gateways/{name}/token", status_code=204)
def revoke_gateway(
    name: Name, engine: EngineDep, principal: Annotated[Principal, require(Permission.MANAGE_GATEWAYS)]
) -> Response:
    """Lock a gateway out; it keeps its spool until it gets a new token."""
    with engine.begin() as connection:
        service.revoke_gateway(connection, principal, name)
    return Response(status_code=204)


@router.get("/audit")
def list_audit(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_AUDIT)],
) -> Page[AuditEvent]:
    """List who did and read what, newest first."""
    with engine.connect() as connection:
        rows = repository.list_audit(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[AuditEvent.model_validate(row._mapping) for row in shown], next_cursor=cursor)
