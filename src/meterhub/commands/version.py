"""`meterhub version`."""

from importlib.metadata import version

import typer

app = typer.Typer()


@app.command()
def show() -> None:
    """Print the version of meterhub."""
    typer.echo(version("meterhub"))
