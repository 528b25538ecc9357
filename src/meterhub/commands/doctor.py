"""`meterhub doctor`: is this installation well, and what to do if not."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from meterhub import schema
from meterhub.commands._database import open_engine
from meterhub.health.checks import Level
from meterhub.health.doctor import Examined, examine, worst
from meterhub.kit.clock import utc_now
from meterhub.settings import get_settings

app = typer.Typer()

EXIT_CODES = {Level.OK: 0, Level.WARN: 1, Level.FAIL: 2}
_SIGNS = {Level.OK: "[green]ok  [/]", Level.WARN: "[yellow]warn[/]", Level.FAIL: "[bold red]FAIL[/]"}


@app.command()
def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False) -> None:
    """Check this hub and its database; exit code 0 if all is well, 1 with warnings, 2 if something is broken."""
    console = Console(highlight=False, soft_wrap=True)
    found = []
    with open_engine() as engine:
        for one in examine(engine, get_settings(), utc_now(), schema.head()):
            found.append(one)
            if as_json:
                typer.echo(json.dumps(_as_json(one), ensure_ascii=False))
            else:
                _show(console, one)
    raise typer.Exit(EXIT_CODES[worst(found)])


def _as_json(one: Examined) -> dict[str, str]:
    finding = one.finding
    return {"subject": one.subject, "level": finding.level, "said": finding.said, "todo": finding.todo}


def _show(console: Console, one: Examined) -> None:
    console.print(f"{_SIGNS[one.finding.level]} {one.subject:<10} {escape(one.finding.said)}")
    if one.finding.todo:
        console.print(f"                [dim]→ {escape(one.finding.todo)}[/]")
