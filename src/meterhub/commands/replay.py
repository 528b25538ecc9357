"""`meterhub replay`: captured telegrams into the hub, as if they were heard now. Twice is once."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.progress import Progress

from meterhub.commands._capture_file import CaptureFile, open_capture, size_of
from meterhub.commands._columns import parse_columns
from meterhub.commands._database import open_engine, reporting_errors
from meterhub.commands._files import read_text
from meterhub.errors import BadInput
from meterhub.gateway.uplink import Uplink
from meterhub.ingest.capture_lines import FIELDS, BadLine, HeardLine, HowToRead, read_lines
from meterhub.ingest.capture_times import TimeReader
from meterhub.ingest.replay import Replayed, Send, on_database, over_http, replay
from meterhub.kit.clock import utc_now
from meterhub.settings import get_settings

app = typer.Typer()

LINES_A_LOOK = 1000


@app.command()
def replay_files(
    files: Annotated[list[Path], typer.Argument(help="Captures, also .gz; - is standard input.")],
    *,
    gateway: Annotated[str, typer.Option(help="Whose telegrams they are, where the lines do not say.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Only read and report; nothing is sent.")] = False,
    hub: Annotated[str | None, typer.Option(help="URL of a hub; without it the database here is used.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="The gateway's token, with --hub.")] = None,
    columns: Annotated[
        str | None, typer.Option(help=f"Unusual names in the file: {','.join(f'{each}=NAME' for each in FIELDS)}.")
    ] = None,
    time_format: Annotated[str | None, typer.Option(help="As for strptime, such as '%d.%m.%Y %H:%M'.")] = None,
    zone: Annotated[str | None, typer.Option(help="Of times without an offset; by default the utility's.")] = None,
    start: Annotated[str | None, typer.Option(help="When a log began whose lines count seconds (|+12).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Replay captures; exit code 1 if a line could not be used or was rejected, 2 if the replay stopped."""
    with reporting_errors():
        if hub is not None and (token_file is None or not gateway):
            raise BadInput("--hub needs --token-file with the gateway's token, and --gateway with its name")
        names = parse_columns(columns, FIELDS)
        tz = _zone(zone)
        begun_at = _instant(start, tz) if start else None
        total = _total(files)
        result = Replayed()
        with _sender(hub, gateway, token_file, dry_run=dry_run) as send, _progress(total) as (show, advance):
            for file in files:
                how = HowToRead(TimeReader(tz, time_format), names, begun_at)
                with open_capture(file) as capture:
                    lines = _watched(read_lines(capture.lines(), how), capture, advance)
                    for bad in replay(lines, gateway, send, result):
                        show(f"{file}:{bad.number}: {bad.code}: {bad.message}")
    _tell(result, dry_run=dry_run, as_json=as_json)
    if result.unusable or result.rejected:
        raise typer.Exit(1)


@contextmanager
def _sender(hub: str | None, gateway: str, token_file: Path | None, *, dry_run: bool) -> Iterator[Send | None]:
    """Give what takes batches: nothing, a hub, or the database here."""
    if dry_run:
        yield None
    elif hub is not None and token_file is not None:
        token = read_text(token_file).strip()
        uplink = Uplink(hub, gateway, lambda: token, replay=True)
        try:
            yield over_http(uplink)
        finally:
            uplink.close()
    else:
        with open_engine() as engine:
            yield on_database(engine, get_settings(), utc_now)


@contextmanager
def _progress(total: int | None) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """Show how many bytes are read; gives what prints a line above the bar and what advances it."""
    with Progress(console=Console(stderr=True, soft_wrap=True)) as progress:
        bar = progress.add_task("replaying", total=total)

        def show(line: str) -> None:
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield show, lambda read: progress.advance(bar, read)


def _watched(
    lines: Iterator[HeardLine | BadLine], capture: CaptureFile, advance: Callable[[int], None]
) -> Iterator[HeardLine | BadLine]:
    """Yield lines, telling now and then how many bytes were read since."""
    told = 0
    for count, line in enumerate(lines):
        if count % LINES_A_LOOK == 0:
            advance(capture.position - told)
            told = capture.position
        yield line
    advance(capture.position - told)


def _total(files: list[Path]) -> int | None:
    sizes = [size_of(file) for file in files]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _zone(name: str | None) -> ZoneInfo:
    if name is None:
        return get_settings().tz
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"there is no zone {name!r}: say for example Europe/Helsinki or UTC") from None


def _instant(text: str, zone: ZoneInfo) -> datetime:
    try:
        return TimeReader(zone).read(text)
    except ValueError as error:
        raise BadInput(f"--start: {error}") from None


def _tell(result: Replayed, *, dry_run: bool, as_json: bool) -> None:
    span = [at.isoformat() if at else None for at in (result.first_at, result.last_at)]
    if as_json:
        facts = {
            "telegrams": result.telegrams,
            "accepted": result.accepted,
            "duplicates": result.duplicates,
            "quarantined": result.quarantined,
            "rejected": result.rejected,
            "unusable": result.unusable,
            "meters": len(result.meters),
            "formats": dict(result.formats),
            "first_at": span[0],
            "last_at": span[1],
            "dry_run": dry_run,
        }
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"{result.telegrams} telegrams of {len(result.meters)} meters", nl=False)
    typer.echo(f" from {span[0]} to {span[1]}" if result.telegrams else "")
    if dry_run:
        typer.echo("nothing was sent: this was a dry run")
    else:
        typer.echo(
            f"{result.accepted} accepted, {result.duplicates} known already, {result.quarantined} in quarantine"
        )
    typer.echo(f"{result.rejected} rejected, {result.unusable} lines not usable")
