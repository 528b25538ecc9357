"""`meterhub ingest`: quarantined frames."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from meterhub.commands._database import open_engine
from meterhub.ingest import views
from meterhub.ingest.retry import retry
from meterhub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Look at frames that could not be read, and try them again.")


@app.command("quarantine")
def show_quarantine() -> None:
    """Count the frames that wait, by reason, with what to do about each."""
    with open_engine() as engine, engine.connect() as connection:
        counts = views.quarantine_counts(connection)
    table = Table("reason", "frames", "next step")
    for count in counts:
        table.add_row(count.reason, str(count.frames), count.next_step)
    console = Console()
    console.print(table if counts else "No frame waits: all that came in was read.")


@app.command("retry")
def retry_quarantine(
    reason: Annotated[str | None, typer.Option(help="Only frames held for this reason.")] = None,
) -> None:
    """Try held frames again, for example after keys were imported."""
    with open_engine() as engine:
        with engine.connect() as connection:
            waiting = sum(c.frames for c in views.quarantine_counts(connection) if reason in {None, c.reason})
        tried = read = 0
        with Progress(console=Console(stderr=True)) as progress:
            bar = progress.add_task("trying again", total=waiting)
            for step in retry(engine, get_settings(), reason=reason):
                tried += step.tried
                read += step.read
                progress.update(bar, completed=tried)
    typer.echo(f"tried {tried} frames: {read} were read, {tried - read} still wait")
