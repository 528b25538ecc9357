"""`meterhub worker`: background jobs and schedules."""

from typing import Annotated

import typer

from meterhub.commands._database import open_engine
from meterhub.jobs.worker import run
from meterhub.kit.clock import utc_now
from meterhub.kit.logging import configure
from meterhub.settings import get_settings

app = typer.Typer()


@app.command()
def work(
    concurrency: Annotated[int, typer.Option(help="Jobs at the same time.", min=1, max=32)] = 2,
    once: Annotated[bool, typer.Option("--once", help="Stop when the queue is empty.")] = False,
) -> None:
    """Run jobs from the queue: hourly roll-up, leak detection, billing runs, retries."""
    configure()
    with open_engine() as engine:
        run(engine, get_settings(), utc_now, concurrency=concurrency, once=once)
