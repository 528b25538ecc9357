"""The database schema as a whole: all tables, and the migrations that build them (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import meterhub.access.tables
import meterhub.alerts.tables
import meterhub.assets.tables
import meterhub.billing.credits.tables
import meterhub.billing.delivery.tables
import meterhub.billing.dunning.tables
import meterhub.billing.ledger.tables
import meterhub.billing.other_bills.tables
import meterhub.billing.payments.tables
import meterhub.billing.runs.tables
import meterhub.billing.self_reading.tables
import meterhub.billing.tables
import meterhub.billing.whatif.tables
import meterhub.fleet.tables
import meterhub.ingest.tables
import meterhub.readings.tables
import meterhub.store.tables
import meterhub.vee.tables
import meterhub.web.tables  # noqa: F401 - imported so that their tables are on the metadata
from meterhub.kit.db import metadata

__all__ = ["current", "downgrade", "head", "metadata", "upgrade"]


def _migrations() -> Path:
    installed = Path(__file__).parent / "_migrations"
    return installed if installed.exists() else Path(__file__).parents[2] / "migrations"


def config(engine: Engine | None = None) -> Config:
    """Return the Alembic configuration; with an engine, of that database."""
    result = Config()
    result.set_main_option("script_location", str(_migrations()))
    result.set_main_option("path_separator", "os")
    if engine is not None:
        result.attributes["engine"] = engine
    return result


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring a database up to a revision."""
    command.upgrade(config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to a revision; `base` empties it."""
    command.downgrade(config(engine), revision)


def head() -> str | None:
    """Return the newest revision that this version of meterhub knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


def current(engine: Engine) -> str | None:
    """Return the revision that a database is at; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
