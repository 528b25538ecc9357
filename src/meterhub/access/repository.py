"""Queries on people, gateways, tokens and the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from meterhub.access.tables import access_token, app_user, audit_event, gateway, login_attempt
from meterhub.kit.db import AnyRow


def find_user(connection: Connection, username: str) -> AnyRow | None:
    """Return the user by that name, active or not."""
    return connection.execute(select(app_user).where(app_user.c.username == username)).first()


def add_user(
    connection: Connection, *, username: str, display_name: str, roles: Sequence[str], password_hash: str
) -> int:
    """Store a person; the name must be new."""
    statement = insert(app_user).values(
        username=username, display_name=display_name, roles=list(roles), password_hash=password_hash
    )
    return int(connection.execute(statement.returning(app_user.c.id)).scalar_one())


def change_user(connection: Connection, username: str, values: dict[str, object]) -> bool:
    """Change a person's roles, password or whether the account is active; tell whether it exists."""
    statement = update(app_user).where(app_user.c.username == username).values(values)
    return connection.execute(statement).rowcount == 1


def list_users(connection: Connection) -> Sequence[AnyRow]:
    """Return all people without their hashes."""
    columns = [c for c in app_user.c if c.name != "password_hash"]
    return connection.execute(select(*columns).order_by(app_user.c.username)).all()


def failures_since(connection: Connection, username: str, since: datetime) -> int:
    """Count failed logins under a name."""
    statement = select(func.count()).where(login_attempt.c.username == username, login_attempt.c.at > since)
    return int(connection.execute(statement).scalar_one())


def note_failure(connection: Connection, username: str) -> None:
    """Remember a failed login."""
    connection.execute(insert(login_attempt).values(username=username))


def forget_failures(connection: Connection, username: str, before: datetime) -> None:
    """Drop failures under a name after a login, and all old ones."""
    connection.execute(
        delete(login_attempt).where((login_attempt.c.username == username) | (login_attempt.c.at < before))
    )


def add_token(
    connection: Connection,
    *,
    hashed: bytes,
    user_id: int | None = None,
    gateway_id: int | None = None,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> None:
    """Store the hash of a token."""
    connection.execute(
        insert(access_token).values(
            token_hash=hashed,
            user_id=user_id,
            gateway_id=gateway_id,
            scopes=list(scopes),
            expires_at=expires_at,
        )
    )


def find_token(connection: Connection, hashed: bytes) -> AnyRow | None:
    """Return a token that holds now, with its person or gateway."""
    columns: list[ColumnElement[Any]] = [  # Any: columns of several types
        access_token.c.id,
        access_token.c.user_id,
        access_token.c.gateway_id,
        access_token.c.scopes,
        app_user.c.username,
        app_user.c.roles,
        gateway.c.name.label("gateway_name"),
    ]
    statement = (
        select(*columns)
        .select_from(access_token)
        .outerjoin(app_user, app_user.c.id == access_token.c.user_id)
        .outerjoin(gateway, gateway.c.id == access_token.c.gateway_id)
        .where(
            access_token.c.token_hash == hashed,
            access_token.c.revoked_at.is_(None),
            (access_token.c.expires_at.is_(None)) | (access_token.c.expires_at > func.now()),
            (access_token.c.user_id.is_(None)) | app_user.c.active,
        )
    )
    return connection.execute(statement).first()


def revoke_token(connection: Connection, token_id: int) -> None:
    """End one token."""
    connection.execute(update(access_token).where(access_token.c.id == token_id).values(revoked_at=func.now()))


def revoke_tokens_of(connection: Connection, *, gateway_id: int | None = None, user_id: int | None = None) -> int:
    """End all tokens of a gateway or a person; return how many."""
    owner = access_token.c.gateway_id == gateway_id if gateway_id else access_token.c.user_id == user_id
    statement = update(access_token).where(owner, access_token.c.revoked_at.is_(None))
    return connection.execute(statement.values(revoked_at=func.now())).rowcount


def add_gateway(connection: Connection, name: str, place: str) -> int:
    """Store a gateway; the name must be new."""
    statement = insert(gateway).values(name=name, place=place).returning(gateway.c.id)
    return int(connection.execute(statement).scalar_one())


def find_gateway(connection: Connection, name: str) -> AnyRow | None:
    """Return the gateway by that name."""
    return connection.execute(select(gateway).where(gateway.c.name == name)).first()


def gateway_seen(
    connection: Connection, gateway_id: int, at: datetime, software: str | None, spool_depth: int | None
) -> None:
    """Note that a gateway has just spoken, and what it said about itself."""
    values: dict[str, object] = {"last_seen_at": at}
    if software is not None:
        values["software"] = software
    if spool_depth is not None:
        values["spool_depth"] = spool_depth
    connection.execute(update(gateway).where(gateway.c.id == gateway_id).values(values))


def list_audit(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return audit events, newest first."""
    statement = select(audit_event).order_by(audit_event.c.id.desc()).limit(limit)
    if before_id is not None:
        statement = statement.where(audit_event.c.id < before_id)
    return connection.execute(statement).all()
