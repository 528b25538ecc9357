"""Passwords: argon2id, and nothing that tells a guesser whether a name exists."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from meterhub.errors import BadInput

MIN_LENGTH = 12

_hasher = PasswordHasher()
# Verified when the name is unknown, so that both answers take the same time.
_NOBODY = _hasher.hash("no such user")


def hash_password(password: str) -> str:
    """Return the hash to store; too short a password is refused."""
    if len(password) < MIN_LENGTH:
        raise BadInput(f"a password has at least {MIN_LENGTH} characters", fields={"password": "too short"})
    return _hasher.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Tell whether a password fits a stored hash; None takes as long as any other and never fits."""
    try:
        return _hasher.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
