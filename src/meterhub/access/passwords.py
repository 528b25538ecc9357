"""Passwords: argon2id, and nothing that tells a guesser whether a name exists."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from meterhub.errors import BadInput

MIN_LENGTH = 12

_hasher = PasswordHasher()
# A hash takes 64 MB of memory, and anybody may ask for one by trying to log in.
_AT_ONCE = BoundedSemaphore(2)
# Verified when the name is unknown, so that both answers take the same time.
_NOBODY = _hasher.hash("no such user")


def hash_password(password: str) -> str:
    """Return the hash to store; too short a password is refused."""
    if len(password) < MIN_LENGTH:
        raise BadInput(f"a password has at least {MIN_LENGTH} characters", fields={"password": "too short"})
    with _AT_ONCE:
        return _hasher.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Tell whether a password fits a stored hash; None takes as long as any other and never fits."""
    try:
        with _AT_ONCE:
            return _hasher.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
