"""Makes e-invoices that may be sent: nothing leaves that breaks a rule which is known here."""

from lxml import etree

from meterhub.billing.documents.model import IssuedDocument
from meterhub.billing.einvoice import amounts, peppol_rules
from meterhub.billing.einvoice.finvoice import finvoice
from meterhub.billing.einvoice.ubl import ubl
from meterhub.errors import Conflict


def make_finvoice(document: IssuedDocument) -> bytes:
    """Return a document as Finvoice; raises BadInput for what parties lack, Conflict for amounts that disagree."""
    _check_amounts(document)
    return finvoice(document)


def make_ubl(document: IssuedDocument) -> bytes:
    """Return a document as Peppol BIS; raises BadInput for what parties lack, Conflict for a broken rule."""
    _check_amounts(document)
    made = ubl(document)
    broken = [one for one in peppol_rules.broken_rules(etree.fromstring(made)) if not one.warning]
    if broken:
        listed = "; ".join(f"{one.rule}: {one.message}" for one in broken)
        raise Conflict(f"{document.number} breaks rules of Peppol and is not sent: {listed}")
    return made


def _check_amounts(document: IssuedDocument) -> None:
    found = list(amounts.disagreements(document))
    if found:
        raise Conflict(f"the amounts of {document.number} disagree and it is not sent: {'; '.join(found)}")
