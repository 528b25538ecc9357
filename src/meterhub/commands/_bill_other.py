"""`meterhub bill other`: a bill from a file of products, looked at or issued."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from meterhub.access.principal import SYSTEM
from meterhub.billing.other_bills import service
from meterhub.billing.other_bills.schemas import IssueRequest, OtherBillIn
from meterhub.commands._database import open_engine
from meterhub.errors import BadInput
from meterhub.settings import get_settings


def other(
    file: Annotated[Path, typer.Argument(help="JSON as POST /api/v1/billing/other-bills takes it.", exists=True)],
    *,
    preview: Annotated[bool, typer.Option("--preview", help="Show what it comes to and keep nothing.")] = False,
    issued_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of issue; by default today.")
    ] = None,
) -> None:
    """Bill connections, work, building supervision and services from a price list; prints JSON."""
    settings = get_settings()
    with open_engine() as engine:
        try:
            bill = OtherBillIn.model_validate_json(file.read_bytes())
        except ValidationError as error:
            faults = {".".join(map(str, one["loc"])): one["msg"] for one in error.errors()}
            raise BadInput(f"{file.name} is not a bill", fields=faults) from None
        today = (issued_on or datetime.now(UTC).astimezone(settings.tz)).date()
        with engine.connect() as connection, connection.begin() as transaction:
            bill_id = service.write(connection, settings, SYSTEM, bill)
            shown = service.find(connection, settings, bill_id).priced.model_dump(mode="json")
            if preview:
                transaction.rollback()
            else:
                request = IssueRequest(issued_on=today)
                issued = service.issue_bill(connection, settings, SYSTEM, bill_id, request)
                shown |= {"invoice": issued.number}
    typer.echo(json.dumps(shown, indent=2))
