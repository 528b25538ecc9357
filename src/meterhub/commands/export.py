"""`meterhub export`: hours, daily sums and reads of any span as CSV or Parquet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress

from meterhub.access.principal import SYSTEM
from meterhub.commands._database import open_engine
from meterhub.errors import BadInput
from meterhub.ingest.capture_times import TimeReader
from meterhub.kit.table_files import Format
from meterhub.readings.export.queries import What
from meterhub.readings.export.service import prepare, write
from meterhub.settings import get_settings

app = typer.Typer()

Since = Annotated[str, typer.Option("--from", help="Local day, or time.")]
Until = Annotated[str, typer.Option("--to", help="Local day, or time; not included.")]
Points = Annotated[list[str] | None, typer.Option("--point", help="Code of a metering point; without any, all.")]
Form = Annotated[Format | None, typer.Option("--format", help="By default as the file is called, else csv.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File; by default standard output.")]
Purpose = Annotated[str, typer.Option(help="What it is for, as the audit log shows it.")]


@app.command()
def export(
    what: Annotated[What, typer.Argument(help="Hourly volumes, the sums of local days, or register reads.")],
    since: Since,
    until: Until,
    *,
    point: Points = None,
    form: Form = None,
    output: Output = None,
    purpose: Purpose = "operations",
) -> None:
    """Write reads and consumption of any span to a file, in order of point and time."""
    parquet = output is not None and output.suffix == ".parquet"
    with open_engine() as engine:
        with engine.begin() as connection:
            asked = prepare(
                connection,
                SYSTEM,
                what=what,
                form=form or (Format.PARQUET if parquet else Format.CSV),
                span=(_day_or_time(since, "--from"), _day_or_time(until, "--to")),
                zone=get_settings().tz,
                codes=point or [],
                purpose=purpose,
            )
        with _opened(output) as out, Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("points", total=asked.points_in_all)
            for chunk in write(engine, asked, lambda done: bar.update(task, completed=done)):
                out.write(chunk)


def _day_or_time(text: str, option: str) -> date | datetime:
    try:
        return date.fromisoformat(text)
    except ValueError:
        try:
            return TimeReader(get_settings().tz).read(text)
        except ValueError as error:
            raise BadInput(f"{option}: {error}") from None


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """Give a file that gets its name when it is complete."""
    if output is None:
        yield sys.stdout.buffer
        return
    unfinished = output.with_name(output.name + ".part")
    try:
        file = unfinished.open("wb")
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}") from None
    try:
        with file:
            yield file
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
