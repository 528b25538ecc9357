"""`meterhub bill quote`: rates scenarios from files or standard input, without a database."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meterhub.billing.rating.explaining import explain
from meterhub.billing.rating.serialise import line_from_json
from meterhub.billing.scenario.answers import answer_text
from meterhub.commands._bill_audit import audit
from meterhub.commands._bill_documents import send, write_document
from meterhub.commands._bill_dunning import interest, remind
from meterhub.commands._bill_other import other
from meterhub.commands._bill_payments import accounting, payments
from meterhub.commands._bill_whatif import what_if

STANDARD_INPUT = "-"

app = typer.Typer(no_args_is_help=True, help="Rate bills, credits, interest and payments without a database.")


app.command("what-if")(what_if)
app.command()(audit)
app.command()(other)
app.command()(remind)
app.command()(interest)
app.command()(send)
app.command("document")(write_document)
app.add_typer(payments, name="payments")
app.add_typer(accounting, name="accounting")


@app.callback()
def root() -> None:
    """Hold the sub-commands together."""


@app.command()
def quote(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files of JSON lines; - or nothing is standard input.")
    ] = None,
    *,
    as_text: Annotated[
        bool, typer.Option("--explain", help="For people: lines, how each was computed, VAT and totals.")
    ] = False,
) -> None:
    """Answer one JSON scenario a line with one JSON line, in order; an error is an answer too."""
    console = Console(highlight=False) if as_text else None
    with ExitStack() as stack:
        sources = [_opened(stack, name) for name in files or [STANDARD_INPUT]]
        for line in _lines(sources):
            answer = answer_text(line)
            if console:
                _render(console, answer)
            else:
                sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")


def _opened(stack: ExitStack, name: str) -> Iterable[bytes]:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}") from error


def _lines(sources: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Yield the lines of all sources; blank ones hold no scenario."""
    for source in sources:
        yield from (line for line in source if not line.isspace())


def _render(console: Console, answer: dict[str, Any]) -> None:
    if "error" in answer:
        console.print(f"[bold red]{answer['error']['code']}[/]: ", end="")
        console.print(answer["error"]["message"], markup=False)
    for document in answer.get("documents", []):
        console.print(_table(document))
    rest = {name: value for name, value in answer.items() if name not in ("documents", "error")}
    if rest:
        console.print_json(data=rest)


def _table(document: dict[str, Any]) -> Table:
    title = f"{document['type'].replace('_', ' ')} to {document['payer']}"
    if document["refers_to"]:
        title += f", credits {document['refers_to']}"
    table = Table(title=escape(title), title_justify="left", caption_justify="left")
    table.add_column("line and how it was computed")
    table.add_column("from, up to")
    for name in ("quantity", "net", "VAT %"):
        table.add_column(name, justify="right")
    for values in document["lines"]:
        line = line_from_json(values)
        words = [f"{line.code} {line.point or ''} {line.quality or ''}".rstrip(), *explain(line)]
        period = f"{line.period.start}\n{line.period.last_day}" if line.period else ""
        quantity = f"{values['quantity']} {line.unit}"
        rate = f"{values['vat_category']} {values['vat_rate']}"
        table.add_row(escape("\n  ".join(words)), period, quantity, values["net"], rate)
    table.add_section()
    for group in document["vat_groups"]:
        table.add_row(f"VAT {group['category']} {group['rate']} % of {group['base']}", "", "", group["vat"], "")
    table.add_row("net", "", "", document["net"], "")
    table.add_row("[bold]gross[/]", "", "", f"[bold]{document['gross']}[/]", "")
    return table
