"""`meterhub import`: registers from a file."""  # noqa: N999 - the file has the name of the command

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from meterhub.access.principal import SYSTEM
from meterhub.assets.import_schemas import RegistersImport
from meterhub.assets.importing import import_registers
from meterhub.commands._database import open_engine
from meterhub.commands._files import read_text
from meterhub.errors import BadInput
from meterhub.settings import get_settings

app = typer.Typer()


@app.command()
def import_file(
    file: Annotated[Path, typer.Argument(help="JSON document, as for POST /api/v1/import/registers.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Import customers, properties, points, meters and contracts: all of the file or nothing."""
    with open_engine() as engine:
        document = _parse(file)
        with engine.begin() as connection:
            result = import_registers(connection, SYSTEM, get_settings(), document)
    if as_json:
        typer.echo(result.model_dump_json())
        return
    for section, counts in result.model_dump().items():
        typer.echo(f"{section.replace('_', ' ')}: {counts['added']} new, {counts['unchanged']} known already")


def _parse(file: Path) -> RegistersImport:
    try:
        return RegistersImport.model_validate_json(read_text(file))
    except ValidationError as error:
        faults = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
        raise BadInput(
            f"{file} has {error.error_count()} faults, so nothing was imported", fields=faults
        ) from None
