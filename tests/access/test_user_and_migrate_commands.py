import json
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from meterhub import schema
from meterhub.access import service
from meterhub.cli import app
from meterhub.kit.clock import utc_now
from meterhub.kit.db import make_engine
from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.settings import get_settings

PASSWORD = "correct horse battery staple"


@pytest.fixture
def run(monkeypatch):
    """Run the command line with these settings."""

    def run(*arguments, given=None, **environment):
        for name in ("DATABASE_URL", "METERHUB_DATABASE_URL", "METERHUB_CONFIG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return CliRunner().invoke(app, arguments, input=given)

    yield run
    get_settings.cache_clear()


def test_an_account_is_opened_listed_and_closed(run, engine, database_url):
    done = run(
        "user", "add", "maija", "--role", "billing", "--role", "read-only", "--display-name", "Maija M",
        "--password-stdin", given=PASSWORD + "\n", DATABASE_URL=database_url,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "maija may log in as billing, read-only" in done.output
    assert PASSWORD not in done.output
    assert service.log_in(engine, "maija", PASSWORD, now=utc_now(), session_hours=1, secret=b"s")
    listed = run("user", "list", "--json", DATABASE_URL=database_url)
    assert json.loads(listed.output) == {
        "username": "maija",
        "display_name": "Maija M",
        "roles": ["billing", "read-only"],
        "active": True,
    }
    assert run("user", "disable", "maija", DATABASE_URL=database_url).exit_code == 0
    assert "(closed)" in run("user", "list", DATABASE_URL=database_url).output
    with engine.connect() as connection:
        actors = connection.execute(text("SELECT DISTINCT actor FROM audit_event WHERE action <> 'login'"))
        assert actors.scalars().all() == ["system"]


def test_a_password_is_asked_for_twice_and_not_shown(run, database_url):
    done = run(
        "user", "add", "matti", "--role", "admin", given=f"{PASSWORD}\n{PASSWORD}\n", DATABASE_URL=database_url
    )
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("user", "add", "maija", "--role", "admin", "--password-stdin"), "at least 12 characters"),
        (("user", "disable", "nobody"), "there is no user 'nobody'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_exit_code_2(run, database_url, arguments, message):
    done = run(*arguments, given="short\n", DATABASE_URL=database_url)
    assert done.exit_code == 2
    assert message in done.stderr.splitlines()[0]
    assert "short\n" not in done.output.replace("too short\n", "")
    assert "Traceback" not in done.output


def test_a_database_that_does_not_answer_is_told_in_one_line(run, tmp_path):
    done = run("user", "list", DATABASE_URL=f"postgresql://postgres@/meterhub?host={tmp_path}")
    assert done.exit_code == 2
    assert "the database does not answer" in done.stderr
    assert "Traceback" not in done.output


def test_a_setting_that_cannot_be_right_is_told_in_one_line(run):
    done = run("user", "list", METERHUB_SESSION_HOURS="soon")
    assert done.exit_code == 2
    assert "session_hours" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_production_without_a_database_is_refused(run):
    done = run("migrate", METERHUB_MODE="production")
    assert done.exit_code == 2
    assert "set DATABASE_URL" in done.stderr


def empty_database(postgres, name):
    return postgres.create_database(name)


def test_a_database_is_migrated_checked_and_taken_back(run, postgres):
    url = empty_database(postgres, "migrate_command")
    head = schema.head()
    missing = run("user", "list", DATABASE_URL=url)
    assert missing.exit_code == 2
    assert "run `meterhub migrate`" in missing.stderr
    check = run("migrate", "--check", DATABASE_URL=url)
    assert check.exit_code == 1
    assert check.output == f"an empty database, the newest is {head}\n"
    assert run("migrate", DATABASE_URL=url).output == f"an empty database, now revision {head}\n"
    assert run("migrate", DATABASE_URL=url).output == f"revision {head}, as it was\n"
    check = run("migrate", "--check", DATABASE_URL=url)
    assert check.exit_code == 0
    assert check.output == f"revision {head}, which is the newest\n"
    wrong = run("migrate", "--down", "4711", DATABASE_URL=url)
    assert wrong.exit_code == 2
    assert "4711" in wrong.stderr
    assert run("migrate", "--down", "base", DATABASE_URL=url).output == f"revision {head}, now an empty database\n"


def test_a_database_of_a_newer_version_is_left_alone(run, postgres):
    url = empty_database(postgres, "newer_version")
    run("migrate", DATABASE_URL=url)
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    done = run("migrate", DATABASE_URL=url)
    assert done.exit_code == 2
    assert "9999" in done.stderr


def test_without_a_database_url_the_embedded_server_is_started_or_joined(run):
    with tempfile.TemporaryDirectory(prefix="mh-cli-") as folder:
        Path(folder).chmod(0o755)  # its system user must reach it
        started = run("migrate", METERHUB_DATA_DIR=folder)
        assert started.exit_code == 0, started.output
        assert not (Path(folder) / "postgres" / "postmaster.pid").exists()
        with EmbeddedPostgres(Path(folder) / "postgres") as running:
            joined = run(
                "user", "add", "maija", "--role", "admin", "--password-stdin",
                given=PASSWORD, METERHUB_DATA_DIR=folder,
            )  # fmt: skip
            assert joined.exit_code == 0, joined.output
            engine = make_engine(running.url())
            with engine.connect() as connection:
                assert connection.execute(text("SELECT username FROM app_user")).scalars().all() == ["maija"]
            engine.dispose()
