"""Somebody can administer accounts, and nobody guesses passwords."""

from collections.abc import Iterator

from sqlalchemy import text

from meterhub.access.policy import Role
from meterhub.health.checks import Finding, Patient, ok, warn

_ADMINS = text("SELECT count(*) FROM app_user WHERE active AND :admin = ANY(roles)")
_GUESSES = text("SELECT count(*) FROM login_attempt WHERE at > now() - interval '1 day'")
MANY_GUESSES = 100


def check(patient: Patient) -> Iterator[Finding]:
    """Count administrators and failed logins."""
    admins = patient.connection.execute(_ADMINS, {"admin": Role.ADMIN}).scalar_one()
    if admins:
        yield ok(f"{admins} active accounts administer")
    else:
        yield warn("no active account administers", "Add one: meterhub user add NAME --role admin.")
    guesses = patient.connection.execute(_GUESSES).scalar_one()
    if guesses > MANY_GUESSES:
        yield warn(
            f"{guesses} logins failed in a day", "See in the audit log since when; block where it comes from."
        )
