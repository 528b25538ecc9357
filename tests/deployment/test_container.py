"""No container engine runs in the tests: what the files name is checked against what exists."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from meterhub.cli import app
from meterhub.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def instructions(name):
    return [line[len(name) + 1 :] for line in DOCKERFILE.splitlines() if line.startswith(name + " ")]


def parse_command(arguments):
    """Parse a command line of meterhub as the image would, without running it."""
    root = get_command(app)
    context = root.make_context("meterhub", [arguments[0]], resilient_parsing=True)
    command = root.get_command(context, arguments[0])
    assert command is not None, f"there is no command {arguments[0]}"
    return command.make_context(arguments[0], list(arguments[1:]), parent=context).params


def variables(environment):
    known = {f"METERHUB_{name.upper()}" for name in Settings.model_fields} | {"DATABASE_URL"}
    return set(environment) - known


def test_everything_that_the_image_copies_exists():
    for line in instructions("COPY"):
        if not line.startswith("--from"):
            *sources, _ = shlex.split(line)
            assert all((ROOT / source).exists() for source in sources), line


def test_the_image_starts_a_command_that_exists_with_options_it_has():
    (entry,), (command,) = instructions("ENTRYPOINT"), instructions("CMD")
    assert yaml.safe_load(entry) == ["meterhub"]
    parameters = parse_command(yaml.safe_load(command))
    assert (parameters["host"], parameters["port"]) == ("0.0.0.0", 8000)
    assert instructions("EXPOSE") == ["8000"]


def test_the_image_does_not_run_as_root():
    (user,) = instructions("USER")
    assert user == "meterhub"
    assert re.search(r"useradd .*\bmeterhub$", DOCKERFILE, re.MULTILINE)


def test_the_image_sets_only_variables_that_the_settings_know():
    names = re.findall(r"(METERHUB_\w+)=", DOCKERFILE)
    assert names == ["METERHUB_MODE"]
    assert not variables(names)
    assert Settings(mode="production").mode == "production"


def test_the_locked_files_that_the_image_installs_carry_hashes_and_no_address():
    for lock in re.findall(r"requirements/\w+\.lock", DOCKERFILE):
        text = (ROOT / lock).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text


@pytest.mark.parametrize("name", OURS)
def test_each_service_runs_a_command_that_exists_with_settings_that_exist(name):
    service = OURS[name]
    parse_command(service["command"])
    assert not variables(service["environment"])
    assert (ROOT / service["build"] / "Dockerfile").exists()
    mounted = {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert {v for k, v in service["environment"].items() if k.endswith("_FILE")} <= mounted
    assert set(service["secrets"]) <= set(COMPOSE["secrets"])


def test_hub_worker_and_migration_wait_for_what_they_need():
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == {"database", "migrate", "hub", "worker"}
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("hub", "worker"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_the_database_is_timescale_and_its_password_comes_from_a_secret():
    database = SERVICES["database"]
    assert database["image"].startswith("timescale/timescaledb:")
    assert database["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/database"
    url = OURS["hub"]["environment"]["DATABASE_URL"]
    assert url == f"postgresql://{database['environment']['POSTGRES_USER']}@database/meterhub"
    assert database["volumes"][0].partition(":")[0] in COMPOSE["volumes"]


def test_the_password_file_completes_the_database_url(tmp_path):
    secret = tmp_path / "database"
    secret.write_text("s3cret/with@signs\n")
    settings = Settings(database_url="postgresql://meterhub@database/meterhub", database_password_file=secret)
    assert settings.require_database_url() == "postgresql://meterhub:s3cret%2Fwith%40signs@database/meterhub"


def test_the_published_port_is_the_one_that_the_hub_listens_on():
    assert SERVICES["hub"]["ports"] == ["127.0.0.1:8000:8000"]
    assert SERVICES["hub"]["command"][-1] == "8000"
