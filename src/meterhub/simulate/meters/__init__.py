"""Simulated meters: one family a file, found by being there, each building telegrams as the real one does."""

import importlib
import pkgutil

from meterhub.simulate.meters._family import Family, Reading

__all__ = ["Family", "Reading", "families"]


def families() -> tuple[Family, ...]:
    """Return all simulated families in order of their names."""
    modules = (m.name for m in pkgutil.iter_modules(__path__) if m.name[0] != "_")
    found = (importlib.import_module(f"{__name__}.{name}").FAMILY for name in modules)
    return tuple(sorted(found, key=lambda family: family.name))
