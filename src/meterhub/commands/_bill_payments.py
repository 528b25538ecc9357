"""`meterhub bill payments` and `meterhub bill accounting`: bank files in, bookkeeping out."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from meterhub.access.principal import SYSTEM
from meterhub.billing.payments.accounting import again, export
from meterhub.billing.payments.clerk import rolled_back
from meterhub.billing.payments.formats import MAX_BYTES
from meterhub.billing.payments.importing import ImportReport, import_file
from meterhub.commands._database import open_engine
from meterhub.errors import BadInput
from meterhub.settings import get_settings

payments = typer.Typer(no_args_is_help=True, help="Payments from bank files.")
accounting = typer.Typer(no_args_is_help=True, help="The export to bookkeeping.")


@payments.callback()
def _payments() -> None:
    """Hold the sub-commands together."""


@accounting.callback()
def _accounting() -> None:
    """Hold the sub-commands together."""


@payments.command("import")
def import_payments(
    file: Annotated[Path, typer.Argument(help="A camt.053, camt.054, KTL or OCR giro file.")],
    *,
    preview: Annotated[bool, typer.Option("--preview", help="Tell what it would do; keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Import a bank file, all of it or nothing; the same file again changes nothing."""
    with open_engine() as engine, engine.begin() as connection:
        data = _read(file)
        if preview:
            with rolled_back(connection):
                report = import_file(connection, get_settings(), SYSTEM, data, file.name)
        else:
            report = import_file(connection, get_settings(), SYSTEM, data, file.name)
    if as_json:
        typer.echo(json.dumps(asdict(report), default=str, indent=2))
    else:
        _show(report, preview=preview)


@accounting.command("export")
def export_accounting(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    *,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last booking day to export.")
    ] = None,
    number: Annotated[int | None, typer.Option("--again", help="Write an earlier export once more.")] = None,
) -> None:
    """Export what is booked up to a day and was not exported before; each voucher balances."""
    if (until is None) is (number is None):
        raise typer.BadParameter("give --until with a day, or --again with the number of an export")
    if file.exists():
        raise typer.BadParameter(f"{file} is there already; choose another name")
    with open_engine() as engine, engine.begin() as connection:
        if number is not None:
            result = again(connection, SYSTEM, number)
        else:
            assert until is not None
            result = export(connection, get_settings(), SYSTEM, until.date())
        try:
            file.write_text(result.content, encoding="utf-8", newline="")
        except OSError as error:  # before the transaction is committed: nothing counts as exported
            raise BadInput(f"{file}: {error.strerror}") from None
    typer.echo(
        f"export {result.export_id}: {result.rows} rows, debit {result.debit}, credit {result.credit}, "
        f"until {result.until}"
    )


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from None


def _show(report: ImportReport, *, preview: bool) -> None:
    console = Console(highlight=False)
    if report.already:
        console.print(f"This file was imported before, as number {report.file_id}: nothing was posted now.")
    table = Table("", "payments", "amount", title=f"{report.format} {report.key}", title_justify="left")
    table.add_row("posted", str(report.matched_count), str(report.matched))
    table.add_row("waiting for a clerk", str(report.waiting_count), str(report.waiting))
    table.add_row("there already", str(report.repeated_count), str(report.repeated))
    table.add_row("control total", str(report.count), str(report.total), style="bold")
    console.print(table)
    for rule, count in sorted(report.by_rule.items()):
        console.print(f"{count} by {rule}")
    for one in report.skipped:
        console.print(f"skipped {one['where']}: {one['why']}, {one['amount']} {one['currency']}", markup=False)
    if preview:
        console.print("This was a preview: nothing was kept.")
