"""How a gateway gets its token, another one, and none any more.

A new token replaces an old one only when it is used: whatever answer is lost on the way, the gateway holds a token
that opens the hub.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from meterhub.access import audit
from meterhub.access import repository as access
from meterhub.access.policy import GATEWAY_SCOPES
from meterhub.access.principal import Principal
from meterhub.access.tokens import new_token, token_hash
from meterhub.errors import BadInput, NotAllowed, NotFound, TooManyTries
from meterhub.fleet import repository
from meterhub.fleet.schemas import EnrolmentCode

CODE_HOLDS = timedelta(hours=1)
# Without letters and digits that people take for one another (Crockford's base 32).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP_LENGTH = 4, 4
TRIES_OF_ONE, TRIES_OF_ALL = 10, 200
TRY_WINDOW = timedelta(minutes=15)
ROTATE_AFTER = timedelta(days=90)
_LOOK_ALIKE = str.maketrans("OIL", "011")
_ALL = "enrolment:all"  # no user's name: those have no colon


def new_code() -> str:
    """Return a code of 80 random bits, as people type it."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def code_hash(code: str) -> bytes:
    """Return what is stored of a code, in whatever letters, blanks and look-alikes it was typed."""
    plain = "".join(letter for letter in code.upper() if letter.isalnum()).translate(_LOOK_ALIKE)
    return hashlib.sha256(plain.encode()).digest()


def create_code(
    connection: Connection, principal: Principal, name: str, *, place: str | None, now: datetime
) -> EnrolmentCode:
    """Give out a code for a gateway, which is registered if it is new; its tokens go on until the code is used."""
    if not name.strip() or not name.isprintable():
        raise BadInput("a gateway's name is printable text", fields={"name": "not usable"})
    row = access.find_gateway(connection, name)
    if row is None:
        try:
            with connection.begin_nested():
                gateway_id = access.add_gateway(connection, name, place or "")
        except IntegrityError:  # somebody else was quicker with the same name
            row = access.find_gateway(connection, name)
            assert row is not None
            gateway_id = row.id
    else:
        gateway_id = row.id
        if place is not None:
            repository.place_gateway(connection, gateway_id, place)
    code = new_code()
    repository.add_code(
        connection,
        hashed=code_hash(code),
        gateway_id=gateway_id,
        created_by=principal.name,
        created_at=now,
        expires_at=now + CODE_HOLDS,
    )
    _audit(connection, principal, "create-enrolment-code", name)
    return EnrolmentCode(gateway=name, code=code, expires_at=now + CODE_HOLDS)


def enrol(engine: Engine, code: str, *, caller: str, now: datetime) -> tuple[str, str]:
    """Exchange a code for `(name, token)`; the gateway's other tokens end. Guessing is slowed down by caller."""
    one = f"enrolment:{caller}"[:100]
    with engine.begin() as connection:
        since = now - TRY_WINDOW
        if (
            access.failures_since(connection, one, since) >= TRIES_OF_ONE
            or access.failures_since(connection, _ALL, since) >= TRIES_OF_ALL
        ):
            raise TooManyTries("too many wrong enrolment codes: try again in fifteen minutes")
        for name in (one, _ALL):  # until it turns out to be right: guesses at the same moment count
            access.note_failure(connection, name)
    with engine.begin() as connection:
        found = repository.use_code(connection, code_hash(code), now)
        if found is not None:
            for name in (one, _ALL):
                access.forget_failures(connection, name, since)
            access.revoke_tokens_of(connection, gateway_id=found.id)
            token = _new_token(connection, found.id)
            _audit(connection, Principal(f"gateway:{found.name}", frozenset()), "enrol-gateway", found.name)
            return found.name, token
        audit.record(connection, Principal("unknown", frozenset()), action="enrolment-failed", purpose="access")
    raise NotAllowed("the code is wrong, used or too old: ask for a new one, it holds for an hour")


def rotate(connection: Connection, principal: Principal) -> str:
    """Return a further token for the calling gateway; the one it called with goes on until this one is used.

    Tokens that were given out after the caller's, whose answers were lost, end.
    """
    assert principal.gateway_id is not None
    repository.lock_gateway(connection, principal.gateway_id)
    repository.end_tokens(connection, principal.gateway_id, after=principal.token_id)
    token = _new_token(connection, principal.gateway_id)
    _audit(connection, principal, "rotate-gateway-token", principal.name.removeprefix("gateway:"))
    return token


def settle_tokens(connection: Connection, principal: Principal) -> None:
    """End the tokens that the one the gateway now uses has replaced."""
    assert principal.gateway_id is not None
    if repository.end_tokens(connection, principal.gateway_id, before=principal.token_id):
        _audit(connection, principal, "replaced-gateway-token", principal.name.removeprefix("gateway:"))


def must_rotate(connection: Connection, principal: Principal, now: datetime) -> bool:
    """Tell whether the token in use is old, or a new one was asked for after it was given out."""
    assert principal.gateway_id is not None
    assert principal.token_id is not None
    created_at = repository.token_created_at(connection, principal.token_id)
    setting = repository.setting_of(connection, principal.gateway_id)
    asked_at = setting.rotate_token_after if setting else None
    return now - created_at >= ROTATE_AFTER or (asked_at is not None and asked_at > created_at)


def ask_to_rotate(connection: Connection, principal: Principal, name: str, now: datetime) -> None:
    """Have a gateway fetch a new token with its next report."""
    row = access.find_gateway(connection, name)
    if row is None:
        raise NotFound(f"there is no gateway {name!r}")
    repository.change_setting(connection, row.id, {"rotate_token_after": now}, now=now, by=principal.name)
    _audit(connection, principal, "ask-gateway-to-rotate", name)


def _new_token(connection: Connection, gateway_id: int) -> str:
    token = new_token("gateway")
    access.add_token(connection, hashed=token_hash(token), gateway_id=gateway_id, scopes=sorted(GATEWAY_SCOPES))
    return token


def _audit(connection: Connection, principal: Principal, action: str, name: str) -> None:
    audit.record(connection, principal, action=action, purpose="access", subject=f"gateway:{name}")
