"""Writes ISO 20022 pain.001.001.09, the file by which a bank is asked to pay: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from lxml import etree

from meterhub.kit.money import ZERO

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
NAME_LENGTH = 70
TEXT_LENGTH = 140
_SEPA_CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who pays."""

    name: str
    iban: str
    bic: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """One payment to make."""

    end_to_end_id: str
    amount: Decimal
    currency: str
    name: str
    iban: str
    text: str


def write(
    debtor: Debtor, transfers: Sequence[Transfer], message_id: str, created_at: datetime, execute_on: date
) -> bytes:
    """Return the file; the same input gives the same bytes."""
    count, total = str(len(transfers)), str(sum((one.amount for one in transfers), ZERO))
    document = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})
    root = _add(document, "CstmrCdtTrfInitn")
    header = _add(root, "GrpHdr")
    _add(header, "MsgId", message_id)
    _add(header, "CreDtTm", created_at.replace(microsecond=0).isoformat())
    _add(header, "NbOfTxs", count)
    _add(header, "CtrlSum", total)
    _add(_add(header, "InitgPty"), "Nm", debtor.name[:NAME_LENGTH])
    payment = _add(root, "PmtInf")
    _add(payment, "PmtInfId", f"{message_id}-1")
    _add(payment, "PmtMtd", "TRF")
    _add(payment, "NbOfTxs", count)
    _add(payment, "CtrlSum", total)
    sepa = all(one.currency == _SEPA_CURRENCY for one in transfers)
    if sepa:
        _add(_add(_add(payment, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _add(_add(payment, "ReqdExctnDt"), "Dt", execute_on.isoformat())
    _add(_add(payment, "Dbtr"), "Nm", debtor.name[:NAME_LENGTH])
    _add(_add(_add(payment, "DbtrAcct"), "Id"), "IBAN", debtor.iban)
    _add(_add(_add(payment, "DbtrAgt"), "FinInstnId"), "BICFI", debtor.bic)
    _add(payment, "ChrgBr", "SLEV" if sepa else "SHAR")
    for one in transfers:
        _transfer(payment, one)
    content: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return content


def _transfer(parent: "etree._Element", one: Transfer) -> None:
    transfer = _add(parent, "CdtTrfTxInf")
    ids = _add(transfer, "PmtId")
    _add(ids, "InstrId", one.end_to_end_id)
    _add(ids, "EndToEndId", one.end_to_end_id)
    _add(_add(transfer, "Amt"), "InstdAmt", str(one.amount)).set("Ccy", one.currency)
    _add(_add(transfer, "Cdtr"), "Nm", one.name[:NAME_LENGTH])
    _add(_add(_add(transfer, "CdtrAcct"), "Id"), "IBAN", one.iban)
    _add(_add(transfer, "RmtInf"), "Ustrd", one.text[:TEXT_LENGTH])


def _add(parent: "etree._Element", name: str, value: str | None = None) -> "etree._Element":
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = value
    return child
