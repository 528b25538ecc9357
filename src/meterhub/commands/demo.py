"""`meterhub demo`: the whole of meterhub on a simulated town, on an embedded PostgreSQL."""

import json
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Column, Table

from meterhub.kit.embedded import EmbeddedPostgresError
from meterhub.simulate.demo.processes import DemoFailed
from meterhub.simulate.demo.stage import USERNAME, Options, Outcome, Progress, Stage
from meterhub.simulate.demo.story import ENVIRONMENT, play

app = typer.Typer()


@app.command()
def demo(
    meters: Annotated[int, typer.Option(help="Homes in the town.", min=10, max=20_000)] = 200,
    days: Annotated[int, typer.Option(help="Days of history.", min=7, max=400)] = 35,
    seed: Annotated[int, typer.Option(help="The same seed gives the same town.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="End after the summary instead of running live.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for documents, the bank file and logs.")] = Path("demo-out"),
    port: Annotated[int, typer.Option(help="Port of the web pages; a free one if it is taken.")] = 8000,
) -> None:
    """From radio telegram to invoice and leak alert: a simulated town on the production path."""
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, _stop)
    with Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bar:

        def after(stage: Stage, outcome: Outcome) -> None:
            _finish_steps(bar)
            bar.stop()
            _show(console, stage, outcome)
            if not once:
                _stay(console, stage, outcome, out / ENVIRONMENT)

        try:
            outcome = play(Options(meters, days, seed, out, port), _steps(bar), after)
        except (DemoFailed, EmbeddedPostgresError) as error:
            bar.stop()
            console.print(
                f"[bold red]The demo stopped:[/] {error}\nThe logs of its processes are in {out / 'logs'}."
            )
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            bar.stop()
            console.print("Stopped.")
            raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(_as_json(outcome)))


def _stop(_number: int, _frame: object) -> None:
    """End as by Ctrl-C, so that everything that was started is stopped in order."""
    raise KeyboardInterrupt


def _steps(bar: Bar) -> Progress:
    def begin(title: str, size: int) -> None:
        _finish_steps(bar)
        bar.add_task(title, total=size)

    return Progress(begin, lambda done: bar.advance(bar.tasks[-1].id, done))


def _finish_steps(bar: Bar) -> None:
    for task in bar.tasks:
        bar.update(task.id, completed=task.total)


def _show(console: Console, stage: Stage, outcome: Outcome) -> None:
    counts, alerts, seconds = outcome.telegrams, outcome.alerts, outcome.seconds
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row(
        "Telegrams",
        f"{counts['received']:,} received: {counts['accepted']:,} accepted, {counts['duplicates']:,} heard twice, "
        f"{counts['quarantined']:,} quarantined, {counts['rejected']:,} rejected",
    )
    table.add_row("", f"{outcome.rescued:,} of the quarantined were read once the right keys were entered")
    table.add_row("Consumption", f"{outcome.hourly_values:,} hourly values")
    _show_billing(table, outcome)
    table.add_row(
        "Leaks", f"{alerts['found']} of {alerts['planted']} planted were found, {alerts['false']} false alerts"
    )
    steps = ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.items() if name != "total")
    table.add_row("Time", f"{seconds['total']:.0f} s: {steps}")
    table.add_row("Memory", ", ".join(f"{name} {size} MB" for name, size in outcome.memory_mb.items()))
    console.print(Panel(table, title=f"A town of {len(stage.town.homes)} homes", expand=False))


def _show_billing(table: Table, outcome: Outcome) -> None:
    invoices, estimates, note = outcome.invoices, outcome.estimates, outcome.credit_note
    payments, sums = outcome.payments, outcome.balances
    table.add_row(
        "Invoices", f"{invoices['count']:,}, {invoices['gross_total']} EUR in all; approved by a second person"
    )
    table.add_row("", f"one to look at: {invoices['pdf']}")
    table.add_row("", f"and how it was computed, down to the frames: {invoices['explained']}")
    table.add_row("", f"as Finvoice and, from a Norwegian neighbour, EHF: {', '.join(outcome.einvoices.values())}")
    table.add_row(
        "Estimates",
        f"{estimates['homes']} silent meters, {estimates['estimated_m3']} m³ billed; "
        f"{estimates['read_m3']} m³ read and trued up: {', '.join(estimates['true_ups'].values())} EUR",
    )
    table.add_row("Credit note", f"{note['number']} returns {note['gross']} EUR of {note['credits']}")
    table.add_row(
        "Payments",
        f"{payments['matched_count']:,} matched, one of them half; {payments['waiting_count']} waits for a clerk: "
        f"{payments['file']}",
    )
    balances = Table(*(Column(name, justify="right") for name in sums), box=None, padding=(0, 2, 0, 0))
    balances.add_row(*sums.values())
    table.add_row("Balances", balances)
    table.add_row("Checks", f"{outcome.checks['documents']:,} documents recomputed, the doctor finds no faults")


def _stay(console: Console, stage: Stage, outcome: Outcome, environment: Path) -> None:
    console.print(
        f"The town goes on. Open [bold]{stage.url}[/] and log in as [bold]{USERNAME}[/] "
        f"with the password [bold]{stage.password}[/]. Ctrl-C ends it."
    )
    for path, what in _pages(outcome).items():
        console.print(f"  {stage.url}{path}  {what}", soft_wrap=True)
    console.print(f"Commands work on it too: [bold]. {environment} && .venv/bin/meterhub ingest quarantine[/]")
    while True:
        stage.radio.someone()
        stage.processes.check()
        time.sleep(1)


def _pages(outcome: Outcome) -> dict[str, str]:
    """Return what is worth a look, by path."""
    return {
        "/alerts": "leaks, and why they are thought to be some",
        f"/runs/{outcome.invoices['run']}": "the billing run: sums, approval",
        "/payments": "the bank file, and the payment that waits",
        f"/accounts/{outcome.payments['partial']['customer_no']}": "the account of a customer who paid half",
        "/fleet": "gateways: clock, spool, dongles",
        "/findings": "what checks of reads have found",
    }


def _as_json(outcome: Outcome) -> dict[str, object]:
    result = asdict(outcome)
    result["seconds"] = {name: round(value, 2) for name, value in outcome.seconds.items()}
    return result
