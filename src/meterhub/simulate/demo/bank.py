"""The town's bank: a camt.054 notification of who paid what, as utilities fetch it each morning."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as its payer made it; the payer may have mistyped the reference."""

    payer: str
    amount: Decimal
    reference: str


def notification(payments: Sequence[Paid], iban: str, booked_on: date) -> bytes:
    """Return a notification with all payments of a day as one entry, its totals declared."""
    total = sum((one.amount for one in payments), Decimal("0.00"))
    root = Element("Document", xmlns=NAMESPACE)
    message = SubElement(root, "BkToCstmrDbtCdtNtfctn")
    _path(message, "GrpHdr", "MsgId").text = f"DEMO-{booked_on:%Y%m%d}"
    _path(message[0], "CreDtTm").text = f"{booked_on}T06:00:00+02:00"
    report = SubElement(message, "Ntfctn")
    _path(report, "Id").text = "1"
    _path(report, "Acct", "Id", "IBAN").text = iban
    summary = _path(report, "TxsSummry", "TtlCdtNtries")
    _path(summary, "NbOfNtries").text = "1"
    _path(summary, "Sum").text = str(total)
    entry = SubElement(report, "Ntry")
    _amount(entry, total)
    _path(entry, "Sts", "Cd").text = "BOOK"
    _path(entry, "BookgDt", "Dt").text = booked_on.isoformat()
    details = SubElement(entry, "NtryDtls")
    batch = SubElement(details, "Btch")
    _path(batch, "NbOfTxs").text = str(len(payments))
    for number, one in enumerate(payments, start=1):
        made = SubElement(details, "TxDtls")
        _path(made, "Refs", "AcctSvcrRef").text = f"{booked_on:%Y%m%d}{number:08d}"
        _amount(made, one.amount)
        _path(made, "RltdPties", "Dbtr", "Pty", "Nm").text = one.payer
        _path(made, "RmtInf", "Strd", "CdtrRefInf", "Ref").text = one.reference
    indent(root)
    document: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return document


def _path(parent: Element, *names: str) -> Element:
    """Add elements inside each other; return the innermost."""
    for name in names:
        parent = SubElement(parent, name)
    return parent


def _amount(parent: Element, amount: Decimal) -> None:
    SubElement(parent, "Amt", Ccy=CURRENCY).text = str(amount)
    SubElement(parent, "CdtDbtInd").text = "CRDT"
