"""`meterhub bill audit`: everything that was issued, computed again."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from meterhub.billing import audit as audits
from meterhub.commands._database import open_engine


def audit(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Compute every issued document again from its stored inputs; check numbers, and days billed twice or never.

    Exits with 1 if anything is not as it has to be.
    """
    faults: list[audits.Fault] = []
    with open_engine() as engine, engine.connect() as connection:
        total = audits.documents_total(connection)
        with Progress(console=Console(stderr=True), disable=as_json) as progress:
            task = progress.add_task("documents", total=total)
            for step in audits.check_documents(connection):
                faults += step.faults
                progress.advance(task, step.documents)
        for check in audits.CHECKS:
            faults += check(connection)
    if as_json:
        typer.echo(json.dumps({"documents": total, "faults": [asdict(fault) for fault in faults]}))
    else:
        for fault in faults:
            typer.echo(f"{fault.code}  {fault.subject}  {fault.message}")
        typer.echo(f"{total} documents, {len(faults)} faults")
    if faults:
        raise typer.Exit(1)
