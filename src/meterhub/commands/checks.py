"""`meterhub checks`: what is checked about reads and hours, and the night's checks at once."""

import json
from collections import Counter
from typing import Annotated

import typer

from meterhub.commands._checks_page import checks_page
from meterhub.commands._database import open_engine
from meterhub.kit.clock import utc_now
from meterhub.readings.jobs import roll_up
from meterhub.settings import get_settings
from meterhub.vee.jobs import check_arrivals, check_night
from meterhub.vee.rules import rules

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_checks(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="the page docs/checks.md")] = False,
) -> None:
    """List the rules."""
    if as_markdown:
        typer.echo(checks_page(), nl=False)
        return
    for rule in rules():
        typer.echo(f"{rule.number:2} {rule.name} ({rule.severity}): {rule.about.splitlines()[0]}")


@app.command()
def run(as_json: Annotated[bool, typer.Option("--json", help="print the counts as JSON")] = False) -> None:
    """Check all meters now, as the worker does at night; goes on where an earlier run stopped."""
    settings = get_settings()
    counts: Counter[str] = Counter()
    with open_engine() as engine:
        for step in check_night(engine, settings, utc_now()):
            counts += step
        for rolled_up in roll_up(engine):
            counts += check_arrivals(engine, settings, rolled_up.changed_from, utc_now())
    told = {name: counts[name] for name in ("new", "again", "gone", "estimated")}
    typer.echo(
        json.dumps(told)
        if as_json
        else f"{told['new']} new findings, {told['again']} again, {told['gone']} gone, "
        f"{told['estimated']} gaps estimated"
    )
