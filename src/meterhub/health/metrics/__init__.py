"""What is measured, a small file a subject, found by being there.

Each has `FAMILIES` (what it measures) and `collect(connection, settings, now)`, which yields samples. Values
come from the database, so every hub process tells the same; none is labelled with meters, points or people.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules

from sqlalchemy import Connection

from meterhub.settings import Settings


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its unit is part of the name; counters end in `_total`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def is_counter(self) -> bool:
        """Whether it only grows."""
        return self.name.endswith("_total")


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric, with the values of its labels in their order."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


Collect = Callable[[Connection, Settings, datetime], Iterator[Sample]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A file of metrics."""

    name: str
    families: Sequence[Family]
    collect: Collect


def subjects() -> list[Subject]:
    """Return all files of metrics in order of their names."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    modules = [(name, import_module(f"{__name__}.{name}")) for name in names]
    return [Subject(name, module.FAMILIES, module.collect) for name, module in modules]
