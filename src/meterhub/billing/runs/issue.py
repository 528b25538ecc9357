"""Issues documents: number, reference and rows, in the transaction that makes them final.

Numbers are gapless: the counter row of a series moves in the same transaction as the documents that use
it, so a rollback frees them and a second worker waits for the first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from meterhub.billing.rating.model import Country, Document, DocumentType, Line
from meterhub.billing.rating.serialise import plain, trace_as_json
from meterhub.billing.receivables.identifiers import make_kid_mod10, make_viite
from meterhub.billing.runs.usage import Json
from meterhub.kit.periods import DateRange

NUMBER_WIDTH = 6
# Credit notes have a series, a letter and a leading digit of the reference of their own.
_PREFIX = {DocumentType.INVOICE: "", DocumentType.CREDIT_NOTE: "C"}
_REFERENCE_PREFIX = {DocumentType.INVOICE: "", DocumentType.CREDIT_NOTE: "9"}


@dataclass(frozen=True, slots=True)
class Bill:
    """A rated document of one contract, ready to be issued."""

    contract_id: int
    customer_id: int
    period: DateRange
    document: Document
    snapshot: Json


@dataclass(frozen=True, slots=True)
class Head:
    """What all documents of a run share."""

    run_id: int
    issued_on: date
    due_on: date
    country: str
    currency: str
    preview: bool = False


def issue_documents(connection: Connection, head: Head, bills: Sequence[Bill]) -> None:
    """Number and store documents with lines and VAT groups."""
    ordered = sorted(bills, key=lambda bill: bill.document.type is DocumentType.CREDIT_NOTE)
    numbers = _numbers(connection, head, [bill.document.type for bill in ordered])
    if not ordered:
        return
    rows = [_bill_row(bill, *number) for bill, number in zip(ordered, numbers, strict=True)]
    connection.execute(
        _ISSUE,
        {
            "run_id": head.run_id,
            "issued_on": head.issued_on,
            "due_on": head.due_on,
            "currency": head.currency,
            "bills": json.dumps(rows, ensure_ascii=False),
        },
    )


def number_and_reference(head: Head, document_type: DocumentType, count: int) -> tuple[str, str]:
    """Return the number of a document and the payment reference made from it."""
    year = head.issued_on.year
    prefix = f"{'P' if head.preview else ''}{_PREFIX[document_type]}"
    number = f"{prefix}{year}-{count:0{NUMBER_WIDTH}d}"
    base = f"{_REFERENCE_PREFIX[document_type]}{year}{count:0{NUMBER_WIDTH}d}"
    return number, make_viite(base) if head.country == Country.FI else make_kid_mod10(base)


def _numbers(connection: Connection, head: Head, types: list[DocumentType]) -> list[tuple[str, str]]:
    """Take numbers in order; always invoices before credit notes, so that two workers never lock crosswise."""
    year = head.issued_on.year
    result = []
    for document_type in (DocumentType.INVOICE, DocumentType.CREDIT_NOTE):
        count = types.count(document_type)
        if count:
            series = f"preview-{document_type}" if head.preview else str(document_type)
            last = connection.execute(_TAKE, {"series": series, "year": year, "count": count}).scalar_one()
            result += [number_and_reference(head, document_type, one) for one in range(last - count + 1, last + 1)]
    return result


_TAKE = text(
    """
    INSERT INTO number_series (series, year, last) VALUES (:series, :year, :count)
    ON CONFLICT (series, year) DO UPDATE SET last = number_series.last + excluded.last
    RETURNING last
    """
)

# One JSON text a chunk: arrays of long texts would be escaped character by character on the way.
_ISSUE = text(
    """
    WITH bill AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:bills AS json)) AS new
            (number text, type text, contract_id int, customer_id int, starts date, ends date, reference text,
             net numeric, vat numeric, gross numeric, snapshot jsonb, lines json, groups json)
    ), issued AS (
        INSERT INTO invoice (number, type, run_id, contract_id, customer_id, period, issued_on, due_on,
                             reference, currency, net, vat, gross, snapshot)
        SELECT number, type, :run_id, contract_id, customer_id, daterange(starts, ends), :issued_on, :due_on,
               reference, :currency, net, vat, gross, snapshot
        FROM bill
        RETURNING id, contract_id
    ), grouped AS (
        INSERT INTO invoice_vat (invoice_id, category, rate, base, vat)
        SELECT issued.id, g.category, g.rate, g.base, g.vat
        FROM issued JOIN bill USING (contract_id) CROSS JOIN LATERAL
             json_to_recordset(bill.groups) AS g (category text, rate numeric, base numeric, vat numeric)
    )
    INSERT INTO invoice_line (invoice_id, position, component, period, quantity, unit, unit_price,
                              price_base_quantity, net, vat_category, vat_rate, quality, trace)
    SELECT issued.id, l.position, l.component, daterange(l.starts, l.ends), l.quantity, l.unit, l.unit_price,
           l.price_base_quantity, l.net, l.vat_category, l.vat_rate, l.quality, l.trace
    FROM issued JOIN bill USING (contract_id) CROSS JOIN LATERAL
         json_to_recordset(bill.lines) AS l
             (position int, component text, starts date, ends date, quantity numeric, unit text,
              unit_price numeric, price_base_quantity numeric, net numeric, vat_category text,
              vat_rate numeric, quality text, trace jsonb)
    """
)


def _bill_row(bill: Bill, number: str, reference: str) -> Json:
    document = bill.document
    return {
        "number": number,
        "reference": reference,
        "type": document.type.value,
        "contract_id": bill.contract_id,
        "customer_id": bill.customer_id,
        "starts": bill.period.start.isoformat(),
        "ends": bill.period.end.isoformat(),
        "net": plain(document.net),
        "vat": plain(document.vat),
        "gross": plain(document.gross),
        "snapshot": bill.snapshot,
        "lines": [
            _line_row(position, line, line.period or bill.period)
            for position, line in enumerate(document.lines, start=1)
        ],
        "groups": [
            {
                "category": group.category,
                "rate": plain(group.rate),
                "base": plain(group.base),
                "vat": plain(group.vat),
            }
            for group in document.vat_groups
        ],
    }


def _line_row(position: int, line: Line, period: DateRange) -> Json:
    assert line.trace is not None
    return {
        "position": position,
        "component": line.code,
        "starts": period.start.isoformat(),
        "ends": period.end.isoformat(),
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": plain(line.unit_price),
        "price_base_quantity": plain(line.price_base_quantity),
        "net": plain(line.net),
        "vat_category": line.vat_category,
        "vat_rate": plain(line.vat_rate),
        "quality": line.quality.value if line.quality else None,
        "trace": trace_as_json(line.trace),
    }
