"""`meterhub bill what-if`: a price list on a past year's use of everyone, from the command line."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from meterhub.billing.schemas import TariffDocument
from meterhub.billing.whatif.schemas import WhatIfRequest
from meterhub.billing.whatif.service import try_out
from meterhub.billing.whatif.summing import Json
from meterhub.billing.whatif.usage import count_contracts
from meterhub.commands._database import open_engine
from meterhub.errors import BadInput
from meterhub.settings import get_settings


def what_if(
    tariff: Annotated[str, typer.Argument(help="The list to try: the code of a stored one, or a JSON file.")],
    *,
    year: Annotated[int, typer.Option(help="Whose use is rated.")],
    against: Annotated[str | None, typer.Option(help="The list of today; by default the same code.")] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day the tried list stands for.")
    ] = None,
    against_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day today's list stands for; by default today."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The sums as JSON.")] = False,
) -> None:
    """Try a price list on a past year's use of everyone: sums, and who pays more. Nothing is stored."""
    settings = get_settings()
    with open_engine() as engine:
        request = _request(tariff, year, against, on.date() if on else None)
        today = against_on.date() if against_on else datetime.now(UTC).astimezone(settings.tz).date()
        with engine.connect() as connection, Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("accounts", total=count_contracts(connection, year))
            result = try_out(connection, settings, request, today, lambda done: bar.update(task, completed=done))
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _show(result)


def _request(tariff: str, year: int, against: str | None, on: date | None) -> WhatIfRequest:
    path = Path(tariff)
    if not path.is_file():
        return WhatIfRequest(year=year, against=against or tariff, tariff=tariff, on=on)
    try:
        document = TariffDocument.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = {".".join(map(str, one["loc"])): one["msg"] for one in error.errors()}
        raise BadInput(f"{path.name} is not a price list", fields=faults) from None
    return WhatIfRequest(year=year, against=against or document.code, document=document, on=on)


def _show(result: Json) -> None:
    console = Console(highlight=False)
    table = Table(
        "", "accounts", "today", "tried", "change", title=f"Gross, {result['currency']}", title_justify="left"
    )
    for group in result["groups"]:
        gross = group["gross"]
        table.add_row(group["kind"], str(group["accounts"]), gross["before"], gross["after"], gross["change"])
    total = result["gross"]
    table.add_row("all", str(result["accounts"]), total["before"], total["after"], total["change"])
    console.print(table)
    table = Table("component", "today", "tried", "change", title="Net by component", title_justify="left")
    for one in result["components"]:
        table.add_row(one["component"], *one["net"].values())
    console.print(table)
    table = Table("contract", "today", "tried", "change", title="Who pays more", title_justify="left")
    for one in result["rises"]:
        table.add_row(one["contract_no"], one["before"], one["after"], one["change"])
    console.print(table)
    for one in result["left_out"]:
        console.print(f"left out: {one['accounts']} ({one['reason']}), for example {one['example']}", markup=False)
