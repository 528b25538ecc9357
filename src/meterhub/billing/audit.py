"""Audits what was issued: every document computes to itself again, numbers have no gap, no day is billed twice.

Documents are read in order of id, a few hundred at a time, so memory does not grow with their number.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing import products
from meterhub.billing.credits.repository import wholly_credited
from meterhub.billing.credits.snapshot import recompute as recompute_credit
from meterhub.billing.documents import loading
from meterhub.billing.dunning import interest
from meterhub.billing.issuing import Kind, Numbered, number_and_reference
from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Document, DocumentType, Line
from meterhub.billing.rating.quoting import quote
from meterhub.billing.rating.vat import vat_groups
from meterhub.billing.rating.verify import disagreements
from meterhub.billing.runs.snapshot import document_of, frozen_hash, quote_of
from meterhub.billing.schemas import InvoiceDetail
from meterhub.kit.money import ZERO
from meterhub.kit.periods import DateRange

_NUMBER = re.compile(r"C?([0-9]{4})-([0-9]+)", re.ASCII)
STEP = 200
SHOWN_GAPS = 1000

Recompute = Callable[[InvoiceDetail], Document | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it has to be: a stable code, where, and what."""

    code: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """So many documents were checked, with these faults."""

    documents: int
    faults: tuple[Fault, ...]


def documents_total(connection: Connection) -> int:
    """Return how many documents there are."""
    return int(connection.execute(text("SELECT count(*) FROM invoice")).scalar_one())


def check_documents(connection: Connection) -> Iterator[Checked]:
    """Check all documents, a step at a time."""
    after = 0
    while True:
        query = text("SELECT id, number FROM invoice WHERE id > :after ORDER BY id LIMIT :step")
        rows = connection.execute(query, {"after": after, "step": STEP}).all()
        if not rows:
            return
        faults = [fault for row in rows for fault in check_document(loading.find_invoice(connection, row.number))]
        yield Checked(len(rows), tuple(faults))
        after = rows[-1].id


def check_newest(connection: Connection, count: int) -> Checked:
    """Check the documents issued last, at most so many: what a wrong calculation of today would show in."""
    query = text("SELECT number FROM invoice ORDER BY id DESC LIMIT :count")
    numbers = connection.execute(query, {"count": count}).scalars().all()
    faults = [fault for number in numbers for fault in check_document(loading.find_invoice(connection, number))]
    return Checked(len(numbers), tuple(faults))


def check_document(issued: InvoiceDetail) -> list[Fault]:
    """Return what of a document does not compute to itself: lines, VAT groups, totals, the stored inputs."""
    lines = [loading.line_of(one) for one in issued.lines]
    found = [
        f"line {position}: {difference}"
        for position, line in enumerate(lines, start=1)
        for difference in disagreements(line)
    ]
    found += _totals(issued, lines)
    found += _reference(issued)
    faults = [Fault("document_differs", f"invoice:{issued.number}", message) for message in found]
    recompute = _RECOMPUTE.get(Kind(issued.kind)) if issued.credits is None else _recompute_credit
    if recompute is None:
        return faults
    try:
        again = recompute(issued)
    except (RatingError, KeyError, ValueError) as error:
        return [*faults, Fault("inputs_unusable", f"invoice:{issued.number}", f"{type(error).__name__}: {error}")]
    stored = [_plain(line) for line in lines]
    computed = [_plain(line) for line in again.lines] if again else []
    if stored != computed:
        at = next(
            (n for n, (one, other) in enumerate(zip(stored, computed, strict=False), start=1) if one != other),
            min(len(stored), len(computed)) + 1,
        )
        message = f"rating the stored inputs again gives {len(computed)} lines, differing from line {at}"
        faults.append(Fault("recomputes_otherwise", f"invoice:{issued.number}", message))
    return faults


def check_heads(connection: Connection) -> list[Fault]:
    """Return documents whose head does not agree with what it was issued from, or was posted as.

    Customer, contract, days and currency stand in the snapshot, the run and the ledger too; what a credit note
    returned is kept by line as well.
    """
    return [Fault("head_differs", f"invoice:{row.number}", row.message) for row in connection.execute(_HEADS)]


def check_frozen(connection: Connection) -> list[Fault]:
    """Return what documents of a run share (prices, VAT rates, the seller) and is no longer what was kept."""
    rows = connection.execute(text("SELECT hash, content FROM billing_frozen"))
    return [
        Fault("frozen_differs", f"frozen:{row.hash[:12]}", "is not what its hash says: documents rest on it")
        for row in rows
        if frozen_hash(row.content) != row.hash
    ]


def check_numbers(connection: Connection) -> list[Fault]:
    """Return series and years whose numbers are not 1 to n, or whose counter is elsewhere."""
    return [
        Fault(
            "numbers_with_gaps",
            f"series:{row.type}/{row.year}",
            f"{row.documents} documents have numbers up to {row.highest}, the counter is at {row.last}",
        )
        for row in connection.execute(_NUMBERS)
    ]


def check_periods(connection: Connection) -> list[Fault]:
    """Return contracts of which a day was billed twice."""
    return [
        Fault(
            "billed_twice",
            f"contract:{row.contract_no}",
            f"{row.number} and {row.other} both bill {row.starts} to {row.ends}",
        )
        for row in connection.execute(_TWICE)
    ]


def check_gaps(connection: Connection) -> list[Fault]:
    """Return contracts with days between two documents that none bills: what was left out."""
    return [
        Fault(
            "days_left_out",
            f"contract:{row.contract_no}",
            f"no document bills {DateRange(row.starts, row.ends).days} days from {row.starts} to {row.ends}",
        )
        for row in connection.execute(_LEFT_OUT, {"limit": SHOWN_GAPS})
    ]


# Of all documents together, each a few queries.
CHECKS = (check_heads, check_frozen, check_numbers, check_periods, check_gaps)


def _recompute_consumption(issued: InvoiceDetail) -> Document | None:
    return document_of(quote(quote_of(issued.snapshot)), issued.snapshot)


def _recompute_credit(issued: InvoiceDetail) -> Document | None:
    return recompute_credit(issued.snapshot)


# What is computed from a snapshot again, by kind.
_RECOMPUTE: dict[Kind, Recompute] = {
    Kind.CONSUMPTION: _recompute_consumption,
    Kind.OTHER: lambda issued: products.document_of(issued.snapshot),
    Kind.INTEREST: lambda issued: interest.document_of(issued.snapshot),
}


def _plain(line: Line) -> tuple[object, ...]:
    return (
        line.code, line.point, line.period, line.quantity, line.unit, line.unit_price, line.price_base_quantity,
        line.net, line.vat_category, line.vat_rate, line.quality, line.refers_to, line.trace,
    )  # fmt: skip


def _reference(issued: InvoiceDetail) -> list[str]:
    """Return whether the payment reference is not the one of the number."""
    parts = _NUMBER.fullmatch(issued.number)
    country = issued.snapshot.get("country")
    if parts is None or country is None:
        return []
    made = number_and_reference(DocumentType(issued.type), country, int(parts[1]), int(parts[2]))
    expected = Numbered(issued.number, issued.reference)
    return [] if made == expected else [f"reference: stored {issued.reference}, its number gives {made.reference}"]


def _totals(issued: InvoiceDetail, lines: Sequence[Line]) -> list[str]:
    found = []
    stored = {(one.category, one.rate): (one.base, one.vat) for one in issued.vat_groups}
    if issued.credits is None:
        computed = {(one.category, one.rate): (one.base, one.vat) for one in vat_groups(lines)}
        if stored != computed:
            found.append(f"VAT groups: stored {_shown(stored)}, computed {_shown(computed)}")
    net = sum((line.net for line in lines), ZERO)
    vat = sum((one.vat for one in issued.vat_groups), ZERO)
    base = sum((one.base for one in issued.vat_groups), ZERO)
    for name, kept, again in (("net", issued.net, net), ("VAT", issued.vat, vat), ("VAT bases", net, base)):
        if kept != again:
            found.append(f"{name}: stored {kept}, computed {again}")
    if issued.gross != issued.net + issued.vat:
        found.append(f"gross: stored {issued.gross}, computed {issued.net + issued.vat}")
    return found


def _shown(groups: dict[tuple[str, Decimal], tuple[Decimal, Decimal]]) -> str:
    shown = (f"{category} {rate} %: {base} + {vat}" for (category, rate), (base, vat) in groups.items())
    return "; ".join(shown)


# What stands in two places. Documents of before a rule was kept have no such place and are passed over.
_HEADS = text(
    """
    SELECT i.number, v.message
    FROM invoice i
    JOIN customer u ON u.id = i.customer_id
    LEFT JOIN contract c ON c.id = i.contract_id
    LEFT JOIN billing_run r ON r.id = i.run_id
    LEFT JOIN ledger_entry e ON e.invoice_id = i.id AND e.kind IN ('invoice', 'credit_note')
    CROSS JOIN LATERAL (VALUES
        (i.snapshot #>> '{customer,customer_no}' <> u.customer_no,
         'customer: stored ' || u.customer_no || ', issued to ' || (i.snapshot #>> '{customer,customer_no}')),
        (i.snapshot #>> '{contract,contract_no}' <> c.contract_no,
         'contract: stored ' || c.contract_no || ', issued for ' || (i.snapshot #>> '{contract,contract_no}')),
        (r.issued_on <> i.issued_on OR r.due_on <> i.due_on,
         'days: stored ' || i.issued_on || ' and ' || i.due_on || ', the run has ' || r.issued_on || ' and '
         || r.due_on),
        (e.customer_id <> i.customer_id OR e.currency <> i.currency OR e.booked_on <> i.issued_on
         OR i.gross > 0 AND e.due_on <> i.due_on,
         'the ledger has another customer, currency or day'),
        (i.snapshot -> 'credit' -> 'positions' <> (
            SELECT coalesce(jsonb_agg(cl.position ORDER BY cl.position), '[]') FROM credit_line cl
            WHERE cl.invoice_id = i.id),
         'returns lines ' || (i.snapshot -> 'credit' ->> 'positions') || ', others are kept as returned')
    ) AS v (wrong, message)
    WHERE v.wrong
    ORDER BY i.id
    """
)

_NUMBERS = text(
    """
    SELECT n.type, n.year, n.documents, n.highest, s.last
    FROM (SELECT type, CAST(substring(number FROM '([0-9]{4})-') AS int) AS year, count(*) AS documents,
                 max(CAST(substring(number FROM '-([0-9]+)$') AS int)) AS highest
          FROM invoice GROUP BY 1, 2) n
    LEFT JOIN number_series s ON s.series = n.type AND s.year = n.year
    WHERE n.documents <> n.highest OR n.highest IS DISTINCT FROM s.last
    ORDER BY n.type, n.year
    """
)

_BILLS = f"""
    WITH bill AS (
        SELECT i.id, i.contract_id, i.customer_id, i.run_id, i.number, i.period FROM invoice i
        LEFT JOIN billing_run r ON r.id = i.run_id
        WHERE i.kind = 'consumption' AND i.period IS NOT NULL AND i.credits_id IS NULL
          AND r.kind IS DISTINCT FROM 'settlement'
          AND NOT {wholly_credited()}
    )
"""  # noqa: S608 - the condition is that of credits

# Payers who share a contract have documents of the same days from one run.
_TWICE = text(
    _BILLS  # noqa: S608 - constants
    + """
    SELECT c.contract_no, a.number, b.number AS other, lower(a.period * b.period) AS starts,
           upper(a.period * b.period) AS ends
    FROM bill a JOIN bill b ON b.contract_id = a.contract_id AND b.id > a.id AND b.period && a.period
        AND (b.run_id IS DISTINCT FROM a.run_id OR b.customer_id = a.customer_id)
    JOIN contract c ON c.id = a.contract_id
    ORDER BY c.contract_no, a.id
    """
)

_LEFT_OUT = text(
    _BILLS  # noqa: S608 - constants
    + """
    SELECT c.contract_no, lower(gap) AS starts, upper(gap) AS ends
    FROM (SELECT contract_id, range_agg(period) AS billed FROM bill GROUP BY contract_id) b
    JOIN contract c ON c.id = b.contract_id
    CROSS JOIN LATERAL unnest(
        datemultirange(daterange(lower(b.billed), upper(b.billed)) * c.valid) - b.billed) AS gap
    ORDER BY c.contract_no, gap LIMIT :limit
    """
)
