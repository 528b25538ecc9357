"""Why a calculated bill waits for a clerk, one file a rule: a module here with a `RULE` is one, no more to do.

A rule looks at the bills of one account and returns what a clerk should look at, or None. Its threshold has the
rule's name in the parameters of a run; null turns the rule off there.
"""

import importlib
import pkgutil

from meterhub.billing.runs.holds.model import Case, Rule


def _find() -> dict[str, Rule]:
    modules = (
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
        if found.name != "model"
    )
    rules: list[Rule] = [module.RULE for module in modules]
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


RULES: dict[str, Rule] = _find()


def held_by_rules(case: Case, parameters: dict[str, float | None]) -> list[tuple[str, str]]:
    """Return code and message of each rule that holds the bills of an account back."""
    found = []
    for code, rule in RULES.items():
        threshold = parameters.get(code, rule.default)
        message = None if threshold is None else rule.check(case, threshold)
        if message is not None:
            found.append((code, message))
    return found
