"""The page docs/checks.md: every rule on reads and hours and every leak detector, from their own words."""

import importlib
from dataclasses import fields

from meterhub.alerts import detectors as leaks
from meterhub.vee.estimation import __doc__ as about_estimates
from meterhub.vee.rules import Rule, rules

HEAD = """# Checks

What meterhub checks by itself. This page is made of the checks' own texts: `meterhub checks list --markdown`.

Rules look at reads and hours and leave findings in a queue (page *Reading quality*, `GET /api/v1/findings`). Those
that run on arrival see what came in within a minute, the others run once a night over what changed. The same
finding is raised once; it closes by itself when later data explain it, and stays settled when a person accepted,
dismissed or edited it. Telegrams that cannot be trusted at all never become reads: they wait in quarantine
([reasons](api.md)).

| number | rule | severity | runs | what to do |
| --- | --- | --- | --- | --- |
"""


def checks_page() -> str:
    """Return the page."""
    rows = [
        f"| {rule.number} | [{rule.name}](#{rule.name}) | {rule.severity} | {_when(rule)} | {rule.action} |"
        for rule in rules()
    ]
    parts = [HEAD + "\n".join(rows) + "\n"]
    parts += [_section(rule) for rule in rules()]
    parts.append("## Estimates\n\n" + _paragraphs(about_estimates or ""))
    parts.append(
        "## Leak detectors\n\nEach watches the reads of one meter against its own habits; alerts have a life.\n"
    )
    for detector in leaks.detectors():
        module = importlib.import_module(f"{leaks.__name__}.{detector.kind.replace('-', '_')}")
        within = ", ".join(sorted(detector.included_in))
        told = f" Not raised while an alert of the kind {within} is open." if within else ""
        closes = f"Closes after {detector.normal_after_s // 3600} hours without.{told}"
        parts.append(f"### {detector.kind}\n\n{_paragraphs(module.__doc__ or '')}\n{closes}\n")
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    values = [f"`{field.name}` {getattr(rule.parameters, field.name):g}" for field in fields(rule.parameters)]
    numbers = f"\nParameters: {', '.join(values)}. {type(rule.parameters).__doc__}\n" if values else ""
    return f"## {rule.name}\n\n{_paragraphs(rule.about)}{numbers}"


def _paragraphs(text: str) -> str:
    return text.strip() + "\n"


def _when(rule: Rule) -> str:
    return "on arrival" if rule.on_arrival else "nightly"
