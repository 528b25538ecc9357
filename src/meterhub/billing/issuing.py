"""Issues documents of every kind: number, reference, rows, ledger entry, in the transaction that makes them final.

Numbers are gapless: the counter row of a series moves in the same transaction as the documents that use
it, so a rollback frees them and a second worker waits for the first. This is the only place that makes
invoice rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, text

from meterhub.billing.ledger import posting
from meterhub.billing.rating.model import Country, Document, DocumentType, Line
from meterhub.billing.rating.serialise import plain, text_of, trace_text
from meterhub.billing.receivables.identifiers import make_kid_mod10, make_viite
from meterhub.kit.arrays import integers
from meterhub.kit.periods import DateRange
from meterhub.kit.values import Json

NUMBER_WIDTH = 6
# Credit notes have a series, a letter and a leading digit of the reference of their own.
_PREFIX = {DocumentType.INVOICE: "", DocumentType.CREDIT_NOTE: "C"}
_REFERENCE_PREFIX = {DocumentType.INVOICE: "", DocumentType.CREDIT_NOTE: "9"}


class Kind(StrEnum):
    """What a document is for; a credit note has the kind of what it credits."""

    CONSUMPTION = "consumption"
    OTHER = "other"
    INTEREST = "interest"


@dataclass(frozen=True, slots=True)
class Draft:
    """A document ready to be issued to a customer; `credits_id` is the invoice that a credit note returns."""

    kind: Kind
    customer_id: int
    document: Document
    snapshot: Json
    issued_on: date
    due_on: date
    currency: str
    country: str
    contract_id: int | None = None
    run_id: int | None = None
    period: DateRange | None = None
    credits_id: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """An issued document: signs stay as computed, so a credit note has a gross below zero."""

    invoice_id: int
    number: str
    reference: str
    type: DocumentType
    gross: Decimal


class Numbered(NamedTuple):
    """A number of a series and the payment reference made from it."""

    number: str
    reference: str


def issue(connection: Connection, drafts: Sequence[Draft], *, preview: bool = False) -> list[Issued]:
    """Number and store documents with lines and VAT groups, and post them to the ledger; in the order given.

    A preview takes numbers from series of its own, for a transaction that will be rolled back.
    """
    if not drafts:
        return []
    heads = [(draft.document.type, draft.country, draft.issued_on.year) for draft in drafts]
    numbers = take_numbers(connection, heads, preview=preview)
    rows = [_row(draft, *number) for draft, number in zip(drafts, numbers, strict=True)]
    stored = connection.execute(_ISSUE, {"bills": f"[{','.join(rows)}]"})
    ids = {row.number: row.id for row in stored}
    posting.post_invoices(connection, [ids[number] for number, _ in numbers])
    return [
        Issued(ids[number], number, reference, draft.document.type, draft.document.gross)
        for draft, (number, reference) in zip(drafts, numbers, strict=True)
    ]


def issue_stored(
    connection: Connection,
    draft_ids: Sequence[int],
    heads: Sequence[tuple[DocumentType, str, int]],
    *,
    preview: bool = False,
) -> list[int]:
    """Number and store what a billing run has calculated, and post it; `heads` are type, country, year of each.

    Who has taken numbers keeps others waiting until the transaction ends: lines, which are most of the work, are
    stored before.
    """
    if not draft_ids:
        return []
    stored = connection.execute(_PARTS_OF_DRAFTS, {"drafts": integers(draft_ids)}).all()
    id_of = {row.draft_id: row.id for row in stored}
    ids = [id_of[draft_id] for draft_id in draft_ids]
    numbers = take_numbers(connection, heads, preview=preview)
    values = {
        "ids": integers(ids),
        "drafts": integers(draft_ids),
        "numbers": [one.number for one in numbers],
        "references": [one.reference for one in numbers],
    }
    connection.execute(_HEADS_OF_DRAFTS, values)
    posting.post_invoices(connection, ids)
    return ids


def take_numbers(
    connection: Connection, heads: Sequence[tuple[DocumentType, str, int]], *, preview: bool = False
) -> list[Numbered]:
    """Return the next number of each (type, country, year of issue), in the order given.

    The counters of several series are always locked in one order, so that two workers never wait for each other.
    """
    free: dict[tuple[str, int], int] = {}
    wanted = [(str(document_type), year) for document_type, _, year in heads]
    for series, year in sorted(set(wanted), key=lambda one: (one[1], one[0] == DocumentType.CREDIT_NOTE)):
        count = wanted.count((series, year))
        name = f"preview-{series}" if preview else series
        last = connection.execute(_TAKE, {"series": name, "year": year, "count": count}).scalar_one()
        free[series, year] = last - count + 1
    result = []
    for document_type, country, year in heads:
        key = (str(document_type), year)
        result.append(number_and_reference(document_type, country, year, free[key], preview=preview))
        free[key] += 1
    return result


def number_and_reference(
    document_type: DocumentType, country: str, year: int, count: int, *, preview: bool = False
) -> Numbered:
    """Return the number of the count-th document of a series and year, and its payment reference."""
    prefix = f"{'P' if preview else ''}{_PREFIX[document_type]}"
    number = f"{prefix}{year}-{count:0{NUMBER_WIDTH}d}"
    base = f"{_REFERENCE_PREFIX[document_type]}{year}{count:0{NUMBER_WIDTH}d}"
    return Numbered(number, make_viite(base) if country == Country.FI else make_kid_mod10(base))


def lines_text(document: Document) -> str:
    """Return the lines of a document as they are stored, as JSON text."""
    told: dict[int, str] = {}
    rows = [_line_text(position, line, told) for position, line in enumerate(document.lines, start=1)]
    return f"[{','.join(rows)}]"


def groups_text(document: Document) -> str:
    """Return the VAT groups of a document as they are stored, as JSON text."""
    rows = [
        f'{{"category":{text_of(group.category)},"rate":{plain(group.rate)},'
        f'"base":{plain(group.base)},"vat":{plain(group.vat)}}}'
        for group in document.vat_groups
    ]
    return f"[{','.join(rows)}]"


_TAKE = text(
    """
    INSERT INTO number_series (series, year, last) VALUES (:series, :year, :count)
    ON CONFLICT (series, year) DO UPDATE SET last = number_series.last + excluded.last
    RETURNING last
    """
)

# Rows of documents from a `bill` with ids. That lines and groups belong to a document is checked at the commit.
_HEADS = """
    INSERT INTO invoice (id, number, reference, type, kind, run_id, contract_id, customer_id, credits_id, period,
                         issued_on, due_on, currency, net, vat, gross, daily_l, snapshot)
    OVERRIDING SYSTEM VALUE
    SELECT id, number, reference, type, kind, run_id, contract_id, customer_id, credits_id, period,
           issued_on, due_on, currency, net, vat, gross, daily_l, snapshot
    FROM bill
"""
_GROUPS = """
    INSERT INTO invoice_vat (invoice_id, category, rate, base, vat)
    SELECT bill.id, g.category, g.rate, g.base, g.vat
    FROM bill CROSS JOIN LATERAL
         json_to_recordset(bill.groups) AS g (category text, rate numeric, base numeric, vat numeric)
"""
_LINES = """
    INSERT INTO invoice_line (invoice_id, position, component, point, period, quantity, unit, unit_price,
                              price_base_quantity, net, vat_category, vat_rate, quality, refers_to, trace)
    SELECT bill.id, l.position, l.component, l.point,
           CASE WHEN l.starts IS NOT NULL THEN daterange(l.starts, l.ends) END, l.quantity, l.unit,
           l.unit_price, l.price_base_quantity, l.net, l.vat_category, l.vat_rate, l.quality, l.refers_to, l.trace
    FROM bill CROSS JOIN LATERAL
         json_to_recordset(bill.lines) AS l
             (position int, component text, point text, starts date, ends date, quantity numeric, unit text,
              unit_price numeric, price_base_quantity numeric, net numeric, vat_category text,
              vat_rate numeric, quality text, refers_to text, trace jsonb)
"""
_NEXT_ID = "CAST(nextval('invoice_id_seq') AS int)"

# One JSON text a call: arrays of long texts would be escaped character by character on the way.
_ISSUE = text(
    f"""
    WITH bill AS MATERIALIZED (
        SELECT {_NEXT_ID} AS id, new.*,
               CASE WHEN starts IS NOT NULL THEN daterange(starts, ends) END AS period,
               CAST(NULL AS numeric) AS daily_l
        FROM json_to_recordset(CAST(:bills AS json)) AS new
            (number text, reference text, type text, kind text, run_id int, contract_id int, customer_id int,
             credits_id int, starts date, ends date, issued_on date, due_on date, currency text,
             net numeric, vat numeric, gross numeric, snapshot jsonb, lines json, groups json)
    ), heads AS ({_HEADS}), grouped AS ({_GROUPS}), lined AS ({_LINES})
    SELECT id, number FROM bill
    """  # noqa: S608 - constants
)

_PARTS_OF_DRAFTS = text(
    f"""
    WITH bill AS MATERIALIZED (
        SELECT {_NEXT_ID} AS id, d.id AS draft_id, d.lines, d.groups
        FROM unnest(CAST(:drafts AS bigint[])) WITH ORDINALITY AS w (id, at) JOIN billing_draft d ON d.id = w.id
        ORDER BY w.at
    ), grouped AS ({_GROUPS}), lined AS ({_LINES})
    SELECT id, draft_id FROM bill
    """  # noqa: S608 - constants
)

_HEADS_OF_DRAFTS = text(
    f"""
    WITH bill AS (
        SELECT w.id, w.number, w.reference, d.type, 'consumption' AS kind, d.run_id, d.contract_id, d.customer_id,
               CAST(NULL AS int) AS credits_id, d.period, r.issued_on, r.due_on, t.currency, d.net, d.vat, d.gross,
               d.daily_l, d.snapshot
        FROM unnest(CAST(:ids AS int[]), CAST(:drafts AS bigint[]), CAST(:numbers AS text[]),
                    CAST(:references AS text[])) AS w (id, draft_id, number, reference)
        JOIN billing_draft d ON d.id = w.draft_id
        JOIN billing_run r ON r.id = d.run_id
        JOIN tariff t ON t.id = r.tariff_id
    )
    {_HEADS}
    """  # noqa: S608 - constants
)


def _row(draft: Draft, number: str, reference: str) -> str:
    document = draft.document
    head = {
        "number": number,
        "reference": reference,
        "type": document.type.value,
        "kind": draft.kind.value,
        "run_id": draft.run_id,
        "contract_id": draft.contract_id,
        "customer_id": draft.customer_id,
        "credits_id": draft.credits_id,
        "starts": draft.period.start.isoformat() if draft.period else None,
        "ends": draft.period.end.isoformat() if draft.period else None,
        "issued_on": draft.issued_on.isoformat(),
        "due_on": draft.due_on.isoformat(),
        "currency": draft.currency,
        "net": plain(document.net),
        "vat": plain(document.vat),
        "gross": plain(document.gross),
        "snapshot": draft.snapshot,
    }
    parts = f'"lines":{lines_text(document)},"groups":{groups_text(document)}'
    return f"{json.dumps(head, ensure_ascii=False)[:-1]},{parts}}}"


def _line_text(position: int, line: Line, told: dict[int, str]) -> str:
    assert line.trace is not None
    starts, ends = line.period or (None, None)
    return (
        f'{{"position":{position},"component":{text_of(line.code)},"point":{text_of(line.point)},'
        f'"starts":{_day(starts)},"ends":{_day(ends)},"quantity":{line.quantity:f},"unit":{text_of(line.unit)},'
        f'"unit_price":{line.unit_price:f},"price_base_quantity":{line.price_base_quantity:f},'
        f'"net":{line.net:f},"vat_category":{text_of(line.vat_category)},"vat_rate":{line.vat_rate:f},'
        f'"quality":{text_of(line.quality)},"refers_to":{text_of(line.refers_to)},'
        f'"trace":{trace_text(line.trace, told)}}}'
    )


def _day(day: date | None) -> str:
    return "null" if day is None else f'"{day.isoformat()}"'
