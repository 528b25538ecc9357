"""`meterhub decode`: telegrams to readings, as JSON lines for programs, layered and in colour for people."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meterhub.commands._decode_json import annotation, describe, source_of, to_json
from meterhub.commands._decode_requests import (
    Outcome,
    Request,
    attempt,
    existing_file,
    from_argument,
    from_file,
    from_json_lines,
    key_of,
    refused,
)
from meterhub.commands._files import read_text
from meterhub.errors import BadInput
from meterhub.wmbus import FormatStore, KeyLookup, Telegram
from meterhub.wmbus.annotate import Role, annotate
from meterhub.wmbus.captures.key_file import parse_keys

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app", "to_json"]

_STDIN = "-"
_BIG = 256 * 1024  # bytes of files from which on single telegrams are not listed

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for.

    `keyed` is how keys were given ("", "key" or "file"), `bad_key` why the key given is none.
    """

    arguments: list[str]
    key: KeyLookup | bytes | None = field(default=None, repr=False)
    keyed: str = ""
    bad_key: str = ""
    column: str | None = None
    annotated: bool = False


@app.command()
def run(
    telegrams: Annotated[
        list[str],
        typer.Argument(
            metavar="HEX... | FILE... | -",
            help="telegrams in hex, files that hold them, or - for JSON lines on standard input",
        ),
    ],
    key: Annotated[str | None, typer.Option(metavar="HEX", help="the meter's key, 32 hex digits")] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="keys of many meters: CSV of manufacturer,serial,key, or JSON lines")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line, also at a terminal")] = False,
    annotated: Annotated[
        bool, typer.Option("--annotate", "-a", help="say what each byte is for, also of many telegrams")
    ] = False,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="the column of a CSV file that holds the frame")
    ] = None,
) -> None:
    """Decode telegrams: from hex, from captures (rtl_wmbus, rtl_433, wmbusmeters, CSV, hex lines), from JSON.

    With - each line of standard input is {"frame": HEX, "key": HEX or null}.
    """
    try:
        asked = Asked(telegrams, *read_keys(key, key_file), column, annotated)
        if as_json or _STDIN in telegrams or not sys.stdout.isatty():
            _print_json(asked)
        else:
            from rich.console import Console

            if isinstance(sys.stdout, TextIOWrapper):
                sys.stdout.reconfigure(errors="replace")  # terminals without Unicode show the rest
            show_all(Console(highlight=False), asked)
    except BadInput as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(2) from None


def read_keys(key: str | None, key_file: Path | None) -> tuple[KeyLookup | bytes | None, str, str]:
    """Return what opens telegrams, how it was given, and why it is no key; no key is repeated in errors."""
    if key_file is None:
        try:
            return key_of(key), "" if key is None else "key", ""
        except ValueError as error:
            return None, "key", str(error)
    if key is not None:
        raise BadInput("give --key or --key-file, not both")
    try:
        return parse_keys(read_text(key_file)).lookup, "file", ""
    except ValueError as error:
        raise BadInput(f"{key_file}: {error}") from None


def requests(asked: Asked, read: Callable[[int], None] = lambda _: None) -> Iterator[Request]:
    """Yield what all arguments ask for, in order; `read` is told how many characters of files were read."""
    for argument in asked.arguments:
        if asked.bad_key:
            yield refused("bad-hex", asked.bad_key)
        elif argument == _STDIN:
            yield from from_json_lines(sys.stdin, asked.key)
        elif (path := existing_file(argument)) is not None:
            try:
                yield from from_file(path, asked.key, asked.column, read)
            except OSError as error:
                raise BadInput(f"{path} cannot be read: {error.strerror}") from None
        else:
            yield from_argument(argument, asked.key)


def _print_json(asked: Asked) -> None:
    """Write one JSON object for each telegram, at once where the telegrams come as they are heard."""
    formats = FormatStore()
    live = _live(asked)
    for request in requests(asked):
        outcome = attempt(request, formats)
        answer = describe(outcome)
        if request.place is not None:
            answer["source"] = source_of(request.place)
        if asked.annotated:
            answer["annotation"] = annotation(roles_of(request, outcome, formats))
        sys.stdout.write(to_json(answer) + "\n")
        if live:
            sys.stdout.flush()
    sys.stdout.flush()


def roles_of(request: Request, outcome: Outcome, formats: FormatStore) -> tuple[Role, ...]:
    """Return the roles of all bytes of a frame; none where it is no frame."""
    return annotate(request.frame, request.key, formats) if isinstance(outcome, Telegram) else ()


def _files(asked: Asked) -> list[Path]:
    return [path for path in map(existing_file, asked.arguments) if path is not None]


def _live(asked: Asked) -> bool:
    """Tell whether a file is a pipe or the like, whose lines come one by one."""
    return any(not path.is_file() for path in _files(asked))


def show_all(console: "Console", asked: Asked) -> None:
    """Print all telegrams for a person: one in full, several shortly, those of big files as a summary."""
    files = _files(asked)
    live = _live(asked)
    size = sum(path.stat().st_size for path in files)
    if size > _BIG and not live and not asked.annotated:
        _show_big(console, asked, size)
        return
    wanted = requests(asked)
    if not live:
        head = list(islice(wanted, 2))
        if len(head) == 1:
            _show_full(console, asked, head[0], FormatStore(), annotated=True)
            return
        wanted = chain(head, wanted)
    _show_many(console, asked, wanted, in_full=asked.annotated or not files)


def _show_full(
    console: "Console", asked: Asked, request: Request, formats: FormatStore, *, annotated: bool
) -> Outcome:
    """Print one telegram with readings, bytes and advice."""
    from meterhub.commands._decode_advice import advice
    from meterhub.commands._decode_view import show, show_advice

    outcome = attempt(request, formats)
    show(console, outcome, roles_of(request, outcome, formats) if annotated else (), request.place)
    show_advice(console, advice(request, outcome, asked.keyed))
    return outcome


def _show_many(console: "Console", asked: Asked, wanted: Iterable[Request], *, in_full: bool) -> None:
    """Print telegrams one by one, and what they come to; also when a person ends it."""
    from meterhub.commands._decode_summary import Tally, line_of, show_summary

    formats = FormatStore()
    tally = Tally()
    try:
        for request in wanted:
            if in_full:
                outcome = _show_full(console, asked, request, formats, annotated=asked.annotated)
                console.print()
            else:
                outcome = attempt(request, formats)
                console.print(line_of(request, outcome), no_wrap=True, overflow="ellipsis")
            tally.add(request, outcome, asked.keyed)
    except KeyboardInterrupt:
        console.print()
    if not in_full or tally.frames > 1:
        show_summary(console, tally)


def _show_big(console: "Console", asked: Asked, size: int) -> None:
    """Go through big files with a progress bar, and print what they come to."""
    from rich.progress import Progress

    from meterhub.commands._decode_summary import Tally, show_summary

    formats = FormatStore()
    tally = Tally()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("decoding", total=size)
        for request in requests(asked, lambda count: progress.advance(task, count)):
            tally.add(request, attempt(request, formats), asked.keyed)
    show_summary(console, tally)
