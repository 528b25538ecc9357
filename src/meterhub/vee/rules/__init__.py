"""Validation rules: one numbered file each, found by being there.

A rule is a module with `NUMBER` (stable, never used again for another), `NAME`, `SEVERITY`, `ON_ARRIVAL` (after
each roll-up for what changed, or else once a night), `ACTION` (what to do about a finding, one sentence),
`Parameters` (a frozen dataclass with defaults) and `check(window, parameters)`: pure. Its docstring says what it
finds, for people; `docs/checks.md` is made of it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from meterhub.vee.window import Hit, Severity, Window


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as found in this folder."""

    number: int
    name: str
    severity: Severity
    on_arrival: bool
    action: str
    about: str
    parameters: Any  # each rule has a dataclass of its own
    check: Callable[[Window, Any], Iterable[Hit]]

    def hits(self, window: Window) -> list[Hit]:
        """Return what the rule finds with its defaults."""
        return list(self.check(window, self.parameters))


@lru_cache
def rules() -> tuple[Rule, ...]:
    """Return all rules by number."""
    modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    found = [
        Rule(
            m.NUMBER,
            m.NAME,
            m.SEVERITY,
            m.ON_ARRIVAL,
            m.ACTION,
            (m.__doc__ or "").strip(),
            m.Parameters(),
            m.check,
        )
        for m in modules
    ]
    return tuple(sorted(found, key=lambda rule: rule.number))


@lru_cache
def by_name() -> dict[str, Rule]:
    """Return the rules by name."""
    return {rule.name: rule for rule in rules()}
