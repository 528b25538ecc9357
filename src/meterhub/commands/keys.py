"""`meterhub keys`: the meters' keys in custody."""

import json
from pathlib import Path
from typing import Annotated

import typer

from meterhub.access.principal import SYSTEM
from meterhub.assets.key_file import import_key_file
from meterhub.assets.keys import key_stock
from meterhub.commands._database import open_engine
from meterhub.commands._files import read_text
from meterhub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Import meters' keys, and see which are kept.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Count the keys and check that the master key opens them; no key is shown."""
    with open_engine() as engine, engine.connect() as connection:
        stock = key_stock(connection, get_settings())
    if as_json:
        facts = {"meters": stock.meters, "meters_with_key": stock.meters_with_key, "keys": stock.keys}
        typer.echo(json.dumps(facts | {"opened": stock.opened}))
        return
    typer.echo(f"{stock.meters_with_key} of {stock.meters} meters have a key; {stock.keys} keys are kept")
    typer.echo(f"the master key opens them (the newest {stock.opened} were tried)")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with the columns manufacturer, serial, key.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Import keys of registered meters: the whole file, or nothing and what is wrong by line."""
    with open_engine() as engine:
        content = read_text(file)
        with engine.begin() as connection:
            done = import_key_file(connection, SYSTEM, get_settings(), content)
    if as_json:
        typer.echo(json.dumps({"added": done.added, "unchanged": done.unchanged}))
    else:
        typer.echo(f"{done.added} keys are new, {done.unchanged} were in use already")
