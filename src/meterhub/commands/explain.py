"""`meterhub explain`: from an invoice to the frames, or all about one read; computed again."""

import json
from typing import Annotated

import typer
from rich.console import Console

from meterhub import explain
from meterhub.access.principal import SYSTEM
from meterhub.commands._database import open_engine
from meterhub.commands._explain_view import show_read
from meterhub.errors import NotFound
from meterhub.explain.read import record_look
from meterhub.explain.tree import show
from meterhub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Show where a number comes from, and compute it again.")


@app.callback()
def root() -> None:
    """Hold the sub-commands together."""


@app.command()
def invoice(
    number: Annotated[str, typer.Argument(help="Number of the invoice or credit note.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Follow an invoice back to its frames; exit code 1 if a step does not agree."""
    with open_engine() as engine, engine.connect() as connection:
        try:
            explanation = explain.invoice(connection, get_settings(), number)
        except NotFound as error:
            typer.echo(error.detail, err=True)
            raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(explanation.as_json(), ensure_ascii=False))
    else:
        show(explanation, Console(highlight=False))
    if not explanation.agrees:
        raise typer.Exit(1)


@app.command()
def read(
    read_id: Annotated[int, typer.Argument(help="Number of the read, as lists and exports show it.", min=1)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a read's frame byte by byte, how it was opened, what was checked, and what rests on it.

    Exit code 1 if a check differs.
    """
    with open_engine() as engine, engine.begin() as connection:
        try:
            found = explain.read(connection, get_settings(), read_id)
        except NotFound as error:
            typer.echo(error.detail, err=True)
            raise typer.Exit(2) from None
        record_look(connection, SYSTEM, found)
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        show_read(found, Console(highlight=False))
    if not found.agrees:
        raise typer.Exit(1)
