"""What is checked, a small file a subject, found by being there.

Each has `check(patient)`, which yields what it found: fine, to be looked at, or broken, with what to do next.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from pkgutil import iter_modules

from sqlalchemy import Connection

from meterhub.settings import Settings


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it."""

    level: Level
    said: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """An installation: its database, its settings, and the schema that this version of meterhub has."""

    connection: Connection
    settings: Settings
    now: datetime
    newest_schema: str | None


Check = Callable[[Patient], Iterator[Finding]]


def ok(said: str) -> Finding:
    """Return that something is fine."""
    return Finding(Level.OK, said)


def warn(said: str, todo: str) -> Finding:
    """Return that somebody should look at something."""
    return Finding(Level.WARN, said, todo)


def fail(said: str, todo: str) -> Finding:
    """Return that something is broken."""
    return Finding(Level.FAIL, said, todo)


def checks() -> dict[str, Check]:
    """Return all checks by subject."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return {name: import_module(f"{__name__}.{name}").check for name in names}
