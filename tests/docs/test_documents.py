"""What the documents name has to exist: files, commands, make targets."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from meterhub.cli import app

ROOT = Path(__file__).parents[2]
HERE = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")]
DOCUMENTS = sorted(path for path in HERE if "node_modules" not in path.parts)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_to_a_file(document):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{named(document)} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_command_that_is_named_exists(document):
    root = get_command(app)
    context = root.make_context("meterhub", ["version"], resilient_parsing=True)
    names = re.findall(r"`(?:\.venv/bin/)?meterhub ([a-z]+)", document.read_text())
    for block in re.findall(r"```sh\n(.*?)```", document.read_text(), re.DOTALL):
        names += re.findall(r"^(?:\S*/)?meterhub ([a-z]+)", block, re.MULTILINE)
    assert set(names) <= set(root.list_commands(context)), f"{named(document)} names a command that is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_make_target_that_is_named_exists(document):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named_targets = set(re.findall(r"(?:`|^)make ([a-z]+)", document.read_text(), re.MULTILINE))
    assert named_targets <= targets, f"{named(document)} names {named_targets - targets}"


def test_every_package_path_in_the_documents_exists():
    for document in [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "README.md"]:
        for path in re.findall(r"`((?:src|tests|docs|migrations|bench)/[\w./-]+)`", document.read_text()):
            assert (ROOT / path).exists(), f"{named(document)} names {path}"
        for path in re.findall(r"`([a-z]+/[a-z_/]+\.py)`", document.read_text()):
            places = [ROOT / path, ROOT / "src/meterhub" / path]
            assert any(place.exists() for place in places), f"{named(document)} names {path}"


def test_nothing_in_the_repository_names_a_registry_host():
    hosts = ["py" + "pi.org", "files.python" + "hosted", "registry.npm" + "js"]
    tracked = [
        p for p in ROOT.glob("**/*") if p.is_file() and not {".git", ".venv", "node_modules"} & set(p.parts)
    ]
    for path in tracked:
        if path.suffix in {".md", ".toml", ".lock", ".json", ".py", ".yaml", ""} and path.stat().st_size < 2**21:
            text = path.read_text(errors="ignore")
            assert not any(host in text for host in hosts), named(path)
