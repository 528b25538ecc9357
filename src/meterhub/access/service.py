"""Logging in, opening accounts, enrolling gateways."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from meterhub.access import audit, repository
from meterhub.access.passwords import hash_password, matches
from meterhub.access.policy import GATEWAY_SCOPES, Permission, Role, permissions_of
from meterhub.access.principal import Principal
from meterhub.access.tokens import new_token, token_hash
from meterhub.errors import BadInput, Conflict, NotAuthenticated, NotFound, TooManyTries

MAX_FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)
_NO_MATCH = "user name and password do not match an active account"


def attempt_mark(secret: bytes, username: str) -> str:
    """Return under what failed logins as a user are counted."""
    return hmac.digest(secret, f"login as {username}".encode(), "sha256").hex()


def log_in(
    engine: Engine, username: str, password: str, *, now: datetime, session_hours: int, secret: bytes
) -> str:
    """Return a new session token; failures are counted and slow a guesser down.

    What was typed as a name may be a password: it is counted under a hash keyed by `secret`.
    """
    if not username.isprintable():  # nobody is called so, and the database could not hold it
        raise NotAuthenticated(_NO_MATCH)
    mark = attempt_mark(secret, username)
    with engine.begin() as connection:
        if repository.failures_since(connection, mark, now - FAILURE_WINDOW) >= MAX_FAILURES:
            raise TooManyTries(
                f"more than {MAX_FAILURES} failed logins as this user: try again in fifteen minutes"
            )
        repository.note_failure(connection, mark)  # until it is a success: guesses at the same moment count
        user = repository.find_user(connection, username)
    # between the transactions: hashing takes long, and there are fewer connections than guessers
    ok = matches(password, user.password_hash if user is not None and user.active else None)
    with engine.begin() as connection:
        if ok and user is not None and user == repository.find_user(connection, username):
            repository.forget_failures(connection, mark, now - FAILURE_WINDOW)
            token = new_token("session")
            repository.add_token(
                connection,
                hashed=token_hash(token),
                user_id=user.id,
                expires_at=now + timedelta(hours=session_hours),
            )
            audit.record(connection, Principal(username, frozenset()), action="login", purpose="access")
            return token
        audit.record(connection, Principal("unknown", frozenset()), action="login-failed", purpose="access")
    raise NotAuthenticated(_NO_MATCH)


def authenticate(connection: Connection, token: str) -> Principal:
    """Return who holds a token."""
    row = repository.find_token(connection, token_hash(token))
    if row is None:
        raise NotAuthenticated("the token is unknown, has ended or was revoked: log in again")
    if row.gateway_id is not None:
        scopes = frozenset(Permission(s) for s in row.scopes) & GATEWAY_SCOPES
        return Principal(f"gateway:{row.gateway_name}", scopes, gateway_id=row.gateway_id, token_id=row.id)
    return Principal(
        row.username, permissions_of(row.roles), tuple(row.roles), user_id=row.user_id, token_id=row.id
    )


def log_out(connection: Connection, principal: Principal) -> None:
    """End the session that the caller uses."""
    if principal.token_id is not None:
        repository.revoke_token(connection, principal.token_id)
    audit.record(connection, principal, action="logout", purpose="access")


def check_roles(roles: Sequence[str]) -> list[str]:
    """Return the roles in order, each once; name those that do not exist."""
    unknown = [role for role in roles if role not in list(Role)]
    if unknown or not roles:
        raise BadInput(
            f"unknown role {', '.join(unknown) or '(none given)'}; there are {', '.join(Role)}",
            fields={"roles": "unknown role"},
        )
    return sorted(set(roles))


def create_user(
    connection: Connection,
    principal: Principal,
    *,
    username: str,
    display_name: str,
    roles: Sequence[str],
    password: str,
) -> int:
    """Open an account for a named person."""
    if not username or not username.isprintable() or ":" in username:
        raise BadInput("a user name is printable text without a colon", fields={"username": "not usable"})
    hashed = hash_password(password)
    checked = check_roles(roles)
    try:
        with connection.begin_nested():
            user_id = repository.add_user(
                connection, username=username, display_name=display_name, roles=checked, password_hash=hashed
            )
    except IntegrityError:
        raise Conflict(f"there is already a user {username!r}", fields={"username": "taken"}) from None
    audit.record(
        connection,
        principal,
        action="create-user",
        purpose="access",
        subject=f"user:{username}",
        detail={"roles": checked},
    )
    return user_id


def change_user(
    connection: Connection,
    principal: Principal,
    username: str,
    *,
    roles: Sequence[str] | None = None,
    password: str | None = None,
    active: bool | None = None,
) -> None:
    """Change an account; every change ends the person's sessions."""
    values: dict[str, object] = {}
    if roles is not None:
        values["roles"] = check_roles(roles)
    if password is not None:
        values["password_hash"] = hash_password(password)
    if active is not None:
        values["active"] = active
    if not values:
        raise BadInput("nothing to change: give roles, password or active")
    user = repository.find_user(connection, username)
    if user is None:
        raise NotFound(f"there is no user {username!r}")
    repository.change_user(connection, username, values)
    repository.revoke_tokens_of(connection, user_id=user.id)
    audit.record(
        connection,
        principal,
        action="change-user",
        purpose="access",
        subject=f"user:{username}",
        detail={"fields": sorted(values)},
    )


def enrol_gateway(connection: Connection, principal: Principal, name: str, place: str = "") -> str:
    """Register a gateway and return its token, which is shown this once only."""
    if not name.strip() or not name.isprintable():
        raise BadInput("a gateway's name is printable text", fields={"name": "not usable"})
    try:
        with connection.begin_nested():
            gateway_id = repository.add_gateway(connection, name, place)
    except IntegrityError:
        raise Conflict(
            f"there is already a gateway {name!r}: renew its token instead", fields={"name": "taken"}
        ) from None
    return _give_gateway_token(connection, principal, name, gateway_id, "enrol-gateway")


def renew_gateway_token(connection: Connection, principal: Principal, name: str) -> str:
    """Revoke a gateway's tokens and return a new one."""
    row = repository.find_gateway(connection, name)
    if row is None:
        raise NotFound(f"there is no gateway {name!r}")
    repository.revoke_tokens_of(connection, gateway_id=row.id)
    return _give_gateway_token(connection, principal, name, row.id, "renew-gateway-token")


def revoke_gateway(connection: Connection, principal: Principal, name: str) -> None:
    """Lock a gateway out: it spools until it gets a new token."""
    row = repository.find_gateway(connection, name)
    if row is None:
        raise NotFound(f"there is no gateway {name!r}")
    repository.revoke_tokens_of(connection, gateway_id=row.id)
    audit.record(connection, principal, action="revoke-gateway", purpose="access", subject=f"gateway:{name}")


def _give_gateway_token(
    connection: Connection, principal: Principal, name: str, gateway_id: int, action: str
) -> str:
    token = new_token("gateway")
    repository.add_token(
        connection, hashed=token_hash(token), gateway_id=gateway_id, scopes=sorted(GATEWAY_SCOPES)
    )
    audit.record(connection, principal, action=action, purpose="access", subject=f"gateway:{name}")
    return token
