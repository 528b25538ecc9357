"""What is sent: a document or letter in the form that its channel takes."""

from dataclasses import dataclass

from sqlalchemy import Connection

from meterhub.billing.documents.letters import letter_from_json
from meterhub.billing.documents.loading import find_document
from meterhub.billing.documents.model import IssuedDocument, Letter
from meterhub.billing.einvoice.finvoice import finvoice_reminder
from meterhub.billing.einvoice.making import make_finvoice, make_ubl
from meterhub.billing.paper.render import invoice_pdf, letter_pdf
from meterhub.errors import BadInput
from meterhub.kit.db import AnyRow


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery with its document loaded."""

    id: int
    customer_id: int
    number: str
    channel: str
    tries: int
    document: IssuedDocument | Letter


def parcel_of(connection: Connection, row: AnyRow) -> Parcel:
    """Return a claimed delivery with its document."""
    document = letter_from_json(row.letter) if row.letter else find_document(connection, row.number)
    return Parcel(row.id, row.customer_id, row.number, row.channel, row.tries, document)


def pdf_of(document: IssuedDocument | Letter) -> bytes:
    """Return a document or letter as PDF."""
    return letter_pdf(document) if isinstance(document, Letter) else invoice_pdf(document)


def xml_of(parcel: Parcel) -> bytes:
    """Return what an e-invoice operator takes; raises BadInput for what seller or buyer lack."""
    document = parcel.document
    if parcel.channel == "finvoice":
        return finvoice_reminder(document) if isinstance(document, Letter) else make_finvoice(document)
    if isinstance(document, Letter):
        raise BadInput(f"{parcel.number} is a letter, which Peppol does not carry; send it by e-mail or on paper")
    return make_ubl(document)
