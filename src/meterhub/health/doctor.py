"""Runs all checks; one that cannot be carried out is a finding itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from meterhub.errors import MeterhubError
from meterhub.health.checks import Check, Finding, Level, Patient, checks, fail
from meterhub.settings import Settings

TIMEOUT = "30s"
_LIMIT = text("SELECT set_config('statement_timeout', :limit, true)")


@dataclass(frozen=True, slots=True)
class Examined:
    """A finding with the subject it belongs to."""

    subject: str
    finding: Finding


def examine(engine: Engine, settings: Settings, now: datetime, newest_schema: str | None) -> Iterator[Examined]:
    """Yield what every check finds; nothing is changed."""
    for subject, check in checks().items():
        for finding in _carried_out(engine, check, settings, now, newest_schema):
            yield Examined(subject, finding)


def _carried_out(
    engine: Engine, check: Check, settings: Settings, now: datetime, newest_schema: str | None
) -> list[Finding]:
    try:
        with engine.connect() as connection:
            connection.execute(_LIMIT, {"limit": TIMEOUT})
            return list(check(Patient(connection, settings, now, newest_schema)))
    except MeterhubError as error:
        return [fail(error.detail, "Mend what is named, then ask again.")]
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
        return [fail(f"this could not be checked: {said}", "See whether the migrations are up to date.")]


def worst(found: list[Examined]) -> Level:
    """Return the worst level; OK for nothing."""
    levels = {one.finding.level for one in found}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)
