"""The decoder stands alone: the standard library and pycryptodome are all it needs."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import Crypto

import meterhub.wmbus
from tests.wmbus.fixture_files import fixtures

PACKAGE = Path(meterhub.wmbus.__file__).parent

BLOCKER = """
import sys

ALLOWED = {*sys.stdlib_module_names, "Crypto", "meterhub"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        first, _, rest = name.partition(".")
        if first not in ALLOWED or (first == "meterhub" and rest.split(".")[0] not in ("", "wmbus")):
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocker())
"""

DECODE = """
import importlib, json, pkgutil, sys
import meterhub.wmbus
from meterhub.wmbus import FormatStore, FrameError, decode

for module in pkgutil.walk_packages(meterhub.wmbus.__path__, "meterhub.wmbus."):
    importlib.import_module(module.name)
for line in sys.stdin:
    frames, key = json.loads(line)
    formats = FormatStore()
    for frame in frames:
        try:
            found = decode(bytes.fromhex(frame), bytes.fromhex(key) if key else None, formats)
            print(found.meter.serial, found.security, {name: str(value) for name, value in found.readings.items()})
        except FrameError as error:
            print(error.code)
"""


def lines() -> str:
    kept = [fixture for fixture in fixtures() if fixture.frames]
    return "".join(
        json.dumps([[frame.hex() for frame in fixture.frames], fixture.key.hex() if fixture.key else None]) + "\n"
        for fixture in kept
    )


def answers(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], input=lines(), capture_output=True, text=True, env=environment or None
    )
    assert done.returncode == 0, done.stderr
    assert "total_m3" in done.stdout
    return done.stdout


def test_every_other_import_may_be_blocked() -> None:
    assert answers(sys.executable, "-c", BLOCKER + DECODE) == answers(sys.executable, "-c", DECODE)


def test_the_blocker_blocks() -> None:
    for name in ("typer", "meterhub.settings", "cffi"):
        done = subprocess.run([sys.executable, "-c", f"{BLOCKER}import {name}"], capture_output=True, text=True)
        assert f"blocked: {name}" in done.stderr


def test_an_empty_environment_with_pycryptodome_is_enough(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    library = tmp_path / "library"
    (library / "meterhub").mkdir(parents=True)
    (library / "meterhub" / "wmbus").symlink_to(PACKAGE)
    (library / "Crypto").symlink_to(Path(Crypto.__file__).parent)
    python = tmp_path / "env" / "bin" / "python"
    alone = answers(python, "-c", DECODE, PYTHONPATH=str(library), PYTHONDONTWRITEBYTECODE="1")
    assert alone == answers(sys.executable, "-c", DECODE)
