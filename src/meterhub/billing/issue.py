"""Issues documents: number, reference and rows, in the transaction that makes them final.

Numbers are gapless: the counter row of a series moves in the same transaction as the documents that use
it, so a rollback frees them and a second worker waits for the first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from meterhub.billing.identifiers import make_kid_mod10, make_viite
from meterhub.billing.model import Country, Document, DocumentType, Line
from meterhub.billing.serialise import trace_as_json
from meterhub.billing.usage import Json
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
    connection.execute(_ISSUE, _invoice_columns(head, ordered, numbers) | _line_columns(ordered))


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

_ISSUE = text(
    """
    WITH issued AS (
        INSERT INTO invoice (number, type, run_id, contract_id, customer_id, period, issued_on, due_on,
                             reference, currency, net, vat, gross, snapshot)
        SELECT number, type, :run_id, contract_id, customer_id, daterange(starts, ends), :issued_on, :due_on,
               reference, :currency, net, vat, gross, CAST(snapshot AS jsonb)
        FROM unnest(CAST(:number AS text[]), CAST(:type AS text[]), CAST(:contract_id AS int[]),
                    CAST(:customer_id AS int[]), CAST(:starts AS date[]), CAST(:ends AS date[]),
                    CAST(:reference AS text[]), CAST(:net AS numeric[]), CAST(:vat AS numeric[]),
                    CAST(:gross AS numeric[]), CAST(:snapshot AS text[]))
             AS new (number, type, contract_id, customer_id, starts, ends, reference, net, vat, gross, snapshot)
        RETURNING id, contract_id
    ), groups AS (
        INSERT INTO invoice_vat (invoice_id, category, rate, base, vat)
        SELECT issued.id, new.category, new.rate, new.base, new.vat
        FROM unnest(CAST(:g_contract_id AS int[]), CAST(:g_category AS text[]), CAST(:g_rate AS numeric[]),
                    CAST(:g_base AS numeric[]), CAST(:g_vat AS numeric[]))
             AS new (contract_id, category, rate, base, vat)
        JOIN issued USING (contract_id)
    )
    INSERT INTO invoice_line (invoice_id, position, component, period, quantity, unit, unit_price,
                              price_base_quantity, net, vat_category, vat_rate, quality, trace)
    SELECT issued.id, position, component, daterange(starts, ends), quantity, unit, unit_price,
           price_base_quantity, net, vat_category, vat_rate, quality, CAST(trace AS jsonb)
    FROM unnest(CAST(:l_contract_id AS int[]), CAST(:l_position AS int[]), CAST(:l_component AS text[]),
                CAST(:l_starts AS date[]), CAST(:l_ends AS date[]), CAST(:l_quantity AS numeric[]),
                CAST(:l_unit AS text[]), CAST(:l_unit_price AS numeric[]), CAST(:l_base AS numeric[]),
                CAST(:l_net AS numeric[]), CAST(:l_category AS text[]), CAST(:l_rate AS numeric[]),
                CAST(:l_quality AS text[]), CAST(:l_trace AS text[]))
         AS new (contract_id, position, component, starts, ends, quantity, unit, unit_price,
                 price_base_quantity, net, vat_category, vat_rate, quality, trace)
    JOIN issued USING (contract_id)
    """
)


def _invoice_columns(head: Head, bills: Sequence[Bill], numbers: list[tuple[str, str]]) -> dict[str, object]:
    groups = [(bill.contract_id, group) for bill in bills for group in bill.document.vat_groups]
    return {
        "run_id": head.run_id,
        "issued_on": head.issued_on,
        "due_on": head.due_on,
        "currency": head.currency,
        "number": [number for number, _ in numbers],
        "reference": [reference for _, reference in numbers],
        "type": [str(bill.document.type) for bill in bills],
        "contract_id": [bill.contract_id for bill in bills],
        "customer_id": [bill.customer_id for bill in bills],
        "starts": [bill.period.start for bill in bills],
        "ends": [bill.period.end for bill in bills],
        "net": [bill.document.net for bill in bills],
        "vat": [bill.document.vat for bill in bills],
        "gross": [bill.document.gross for bill in bills],
        "snapshot": [json.dumps(bill.snapshot, ensure_ascii=False) for bill in bills],
        "g_contract_id": [contract_id for contract_id, _ in groups],
        "g_category": [group.category for _, group in groups],
        "g_rate": [group.rate for _, group in groups],
        "g_base": [group.base for _, group in groups],
        "g_vat": [group.vat for _, group in groups],
    }


def _line_columns(bills: Sequence[Bill]) -> dict[str, object]:
    lines = [
        (bill.contract_id, position, line, line.period or bill.period)
        for bill in bills
        for position, line in enumerate(bill.document.lines, start=1)
    ]
    return {
        "l_contract_id": [contract_id for contract_id, _, _, _ in lines],
        "l_position": [position for _, position, _, _ in lines],
        "l_component": [line.code for _, _, line, _ in lines],
        "l_starts": [period.start for _, _, _, period in lines],
        "l_ends": [period.end for _, _, _, period in lines],
        "l_quantity": [line.quantity for _, _, line, _ in lines],
        "l_unit": [line.unit for _, _, line, _ in lines],
        "l_unit_price": [line.unit_price for _, _, line, _ in lines],
        "l_base": [line.price_base_quantity for _, _, line, _ in lines],
        "l_net": [line.net for _, _, line, _ in lines],
        "l_category": [line.vat_category for _, _, line, _ in lines],
        "l_rate": [line.vat_rate for _, _, line, _ in lines],
        "l_quality": [str(line.quality) if line.quality else None for _, _, line, _ in lines],
        "l_trace": [_trace(line) for _, _, line, _ in lines],
    }


def _trace(line: Line) -> str:
    assert line.trace is not None
    return json.dumps(trace_as_json(line.trace), ensure_ascii=False)
