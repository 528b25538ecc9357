"""Kinds of price components, one file each: a module here with a `KIND` is a kind, nothing else to do."""

import importlib
import pkgutil

from meterhub.billing.rating.context import Kind


def _find() -> dict[str, Kind]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    kinds: list[Kind] = [module.KIND for module in modules]
    return {kind.name: kind for kind in sorted(kinds, key=lambda kind: (kind.stage, kind.name))}


KINDS: dict[str, Kind] = _find()
