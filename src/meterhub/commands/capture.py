"""`meterhub capture`: what was heard, as a file that `meterhub replay` takes."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO

import typer

from meterhub.access.principal import SYSTEM
from meterhub.commands._database import open_engine
from meterhub.errors import BadInput
from meterhub.ingest.capture import export_capture
from meterhub.ingest.capture_times import TimeReader
from meterhub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Keep what was heard as a file.")


@app.callback()
def root() -> None:
    """Hold the sub-commands together."""


@app.command()
def export(
    since: Annotated[str, typer.Option("--from", help="Day or time, in the utility's zone without an offset.")],
    until: Annotated[str, typer.Option("--until", help="Day (included) or time (not included).")],
    *,
    gateway: Annotated[str | None, typer.Option(help="Only what this gateway heard.")] = None,
    output: Annotated[Path | None, typer.Option(help="File, also .gz; by default standard output.")] = None,
) -> None:
    """Write every reception of a span as a JSON line, in order of time."""
    with open_engine() as engine:
        first, end = _instant(since), _instant(until, end_of_day=True)
        if end <= first:
            raise BadInput("--until must be after --from")
        count = 0
        with _opened(output) as out:
            for line in export_capture(engine, SYSTEM, since=first, until=end, gateway=gateway):
                out.write(line + "\n")
                count += 1
    typer.echo(f"{count} receptions", err=True)


def _instant(text: str, *, end_of_day: bool = False) -> datetime:
    zone = get_settings().tz
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            return TimeReader(zone).read(text)
        except ValueError as error:
            raise BadInput(str(error)) from None
    return datetime.combine(day + timedelta(days=end_of_day), time(), zone)


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        raw = output.open("wb")
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}") from None
    with raw:
        packed = gzip.GzipFile(fileobj=raw, mode="wb") if output.suffix == ".gz" else raw
        with TextIOWrapper(packed, encoding="utf-8") as out:
            yield out
