"""`meterhub bill send` and `meterhub bill document`: empties the outbox, writes one document as a file."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import SYSTEM
from meterhub.billing.delivery.jobs import send as empty_outbox
from meterhub.billing.documents.loading import find_document
from meterhub.billing.documents.model import IssuedDocument
from meterhub.billing.einvoice.making import make_finvoice, make_ubl
from meterhub.billing.paper.render import invoice_pdf
from meterhub.commands._database import open_engine
from meterhub.kit.clock import utc_now
from meterhub.settings import get_settings

STANDARD_OUTPUT = "-"


class Format(StrEnum):
    """What a document can be written as."""

    PDF = "pdf"
    FINVOICE = "finvoice"
    UBL = "ubl"


def send() -> None:
    """Send all documents that wait in the outbox, as the worker does each minute."""
    with open_engine() as engine:
        done = empty_outbox(engine, get_settings(), utc_now)
    sent = ", ".join(f"{count} {channel}" for channel, count in sorted(done.sent.items())) or "nothing"
    typer.echo(f"sent: {sent}; put off: {done.put_off}; left to a clerk: {done.failed}")
    if done.failed:
        raise typer.Exit(1)


def write_document(
    number: Annotated[str, typer.Argument(help="Number of an invoice or credit note.")],
    *,
    wanted: Annotated[Format, typer.Option("--format", help="What to write it as.")] = Format.PDF,
    output: Annotated[Path, typer.Option("--output", "-o", help="File; - is standard output.")] = Path(
        STANDARD_OUTPUT
    ),
) -> None:
    """Write one issued document as PDF, Finvoice or Peppol BIS."""
    with open_engine() as engine:
        with engine.begin() as connection:
            issued = _read(connection, number)
        made = _made(issued, wanted)
    if str(output) == STANDARD_OUTPUT:
        sys.stdout.buffer.write(made)
        return
    try:
        output.write_bytes(made)
    except OSError as error:
        raise typer.BadParameter(f"{output}: {error.strerror}") from error


def _read(connection: Connection, number: str) -> IssuedDocument:
    issued = find_document(connection, number)
    record(connection, SYSTEM, action="write-document", purpose="billing", subject=f"invoice:{number}")
    return issued


def _made(issued: IssuedDocument, wanted: Format) -> bytes:
    match wanted:
        case Format.PDF:
            return invoice_pdf(issued)
        case Format.FINVOICE:
            return make_finvoice(issued)
        case Format.UBL:
            return make_ubl(issued)
