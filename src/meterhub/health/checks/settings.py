"""The settings are those of a hub in use, not of a trial."""

from collections.abc import Iterator

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok, warn
from meterhub.settings import Utility

_LINK = text(
    "SELECT inet_server_addr() IS NOT NULL AS remote, coalesce((SELECT ssl FROM pg_stat_ssl "
    "WHERE pid = pg_backend_pid()), false) AS encrypted, host(inet_server_addr()) AS host"
)
_LOCAL = ("127.", "::1")


def check(patient: Patient) -> Iterator[Finding]:
    """Look for what is left from a trial."""
    settings = patient.settings
    if settings.mode != "production":
        yield warn("this is a development installation", "Set METERHUB_MODE=production where it is in use.")
    strict = fail if settings.mode == "production" else warn
    if not settings.secure_cookies:
        yield strict("session cookies also go over plain HTTP", "Set METERHUB_SECURE_COOKIES=true, and use TLS.")
    if settings.master_key:
        yield warn(
            "the master key is in an environment variable, which other programs of this user can read",
            "Use METERHUB_MASTER_KEY_FILE or METERHUB_MASTER_KEY_COMMAND.",
        )
    example = Utility()
    left = [
        name
        for name in ("name", "business_id", "iban")
        if getattr(settings.utility, name) == getattr(example, name)
    ]
    if left:
        named = ", ".join(f"METERHUB_UTILITY__{name.upper()}" for name in left)
        yield strict("bills would carry the example's seller", f"Set {named}.")
    else:
        yield ok(f"bills are from {settings.utility.name}")
    link = patient.connection.execute(_LINK).one()
    if link.remote and not link.encrypted and not link.host.startswith(_LOCAL):
        yield warn("the connection to the database is not encrypted", "Add sslmode=verify-full to DATABASE_URL.")
