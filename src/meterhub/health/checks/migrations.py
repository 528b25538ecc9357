"""The schema is the one that this version of meterhub expects."""

from collections.abc import Iterator

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok


def check(patient: Patient) -> Iterator[Finding]:
    """Compare the database's revision with the newest that is known here."""
    revision = patient.connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision == patient.newest_schema:
        yield ok(f"the schema is at revision {revision}, the newest")
    else:
        yield fail(
            f"the schema is at revision {revision}, this version of meterhub expects {patient.newest_schema}",
            "Run meterhub migrate; if the database is newer, upgrade this meterhub.",
        )
