"""The export to bookkeeping: vouchers of debit and credit by ledger account, each source once."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import StringIO

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.errors import Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO, trimmed
from meterhub.settings import Accounting, Settings

HEADER = ("export", "day", "voucher", "account", "debit", "credit", "currency", "text")

# The account against receivables, by what an entry (or what it reverses) is; those of payments are unallocated.
_AGAINST = {
    "refund": "refunds",
    "write_off": "write_offs",
    "reminder_fee": "fees",
    "collection_fee": "fees",
    "opening": "opening",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One side of a voucher: a debit is positive, a credit negative."""

    day: date
    voucher: str
    account: str
    amount: Decimal
    currency: str
    text: str


@dataclass(frozen=True, slots=True)
class AccountSum:
    """What an export books on a ledger account."""

    account: str
    currency: str
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class Export:
    """An export: its number, control totals and CSV."""

    export_id: int
    until: date
    rows: int
    debit: Decimal
    credit: Decimal
    content: str


def export(connection: Connection, settings: Settings, principal: Principal, until: date) -> Export:
    """Export what is booked up to and including a day and was not exported; raises Conflict if there is nothing.

    Raises AssertionError, and so exports nothing, if a voucher does not balance.
    """
    connection.execute(text("LOCK TABLE accounting_export IN SHARE ROW EXCLUSIVE MODE"))
    values = {"until": until, "by": principal.name}
    export_id: int = connection.execute(_BEGIN, values).scalar_one()  # gapless: the table is locked
    taken = connection.execute(_TAKE, {"id": export_id, "until": until}).rowcount
    if not taken:
        raise Conflict(f"everything booked until {until} has been exported already")
    rows = balanced(_rows(connection, settings.accounting, export_id))
    content = as_csv(export_id, rows)
    debit = sum((row.amount for row in rows if row.amount > 0), ZERO)
    connection.execute(_FINISH, {"id": export_id, "rows": len(rows), "debit": debit, "content": content})
    record(connection, principal, action="export-accounting", purpose="billing", subject=f"export:{export_id}")
    return Export(export_id, until, len(rows), debit, debit, content)


def again(connection: Connection, principal: Principal, export_id: int) -> Export:
    """Return an export as it was; raises NotFound."""
    row = connection.execute(text(_EXPORTS + ", content FROM accounting_export WHERE id = :id"), {"id": export_id})
    found = row.one_or_none()
    if found is None:
        raise NotFound(f"there is no accounting export {export_id}")
    record(
        connection, principal, action="read-accounting-export", purpose="billing", subject=f"export:{export_id}"
    )
    return Export(export_id, found.until, found.rows, found.debit, found.debit, found.content)


def exports(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return exports without their content, newest first."""
    query = text(
        _EXPORTS + " FROM accounting_export WHERE (CAST(:before AS int) IS NULL OR id < :before) "
        "ORDER BY id DESC LIMIT :limit"
    )
    return connection.execute(query, {"before": before_id, "limit": limit}).all()


def balanced(rows: Iterable[Row]) -> list[Row]:
    """Return rows by day and voucher, after checking that each voucher of a day comes to nothing."""
    result = sorted(
        (row for row in rows if row.amount), key=lambda row: (row.day, row.voucher, -row.amount, row.account)
    )
    sums: dict[tuple[date, str, str], Decimal] = defaultdict(lambda: ZERO)
    for row in result:
        sums[row.day, row.voucher, row.currency] += row.amount
    wrong = [f"{voucher} of {day} by {amount} {unit}" for (day, voucher, unit), amount in sums.items() if amount]
    if wrong:
        raise AssertionError(f"vouchers do not balance: {'; '.join(wrong[:10])}")
    return result


def as_csv(export_id: int, rows: Iterable[Row]) -> str:
    """Return the file: one line a side, amounts with a point and two decimals."""
    out = StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    for row in rows:
        debit, credit = (row.amount, "") if row.amount > 0 else ("", -row.amount)
        writer.writerow((export_id, row.day, row.voucher, row.account, debit, credit, row.currency, row.text))
    return out.getvalue()


def sums(content: str) -> list[AccountSum]:
    """Return debit and credit by ledger account of an export as it was written."""
    found: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in csv.DictReader(StringIO(content), delimiter=";"):
        both = found[row["account"], row["currency"]]
        both[0] += Decimal(row["debit"] or ZERO)
        both[1] += Decimal(row["credit"] or ZERO)
    return [AccountSum(*key, *both) for key, both in sorted(found.items())]


def _rows(connection: Connection, chart: Accounting, export_id: int) -> Iterable[Row]:
    values = {"id": export_id}
    for row in connection.execute(_ENTRIES, values):
        voucher = row.number if row.kind in ("invoice", "credit_note") else f"E{row.id}"
        yield Row(row.booked_on, voucher, chart.receivables, row.amount, row.currency, row.kind)
        if row.kind not in ("invoice", "credit_note"):
            against = (
                chart.unallocated if row.payment_id else getattr(chart, _AGAINST.get(row.source_kind, "rounding"))
            )
            yield Row(row.booked_on, voucher, against, -row.amount, row.currency, row.kind)
    for row in connection.execute(_SALES, values):
        account = chart.components.get(row.component) or row.ledger_account or chart.sales
        yield Row(row.booked_on, row.number, account, -row.net, row.currency, row.component)
    for row in connection.execute(_VAT, values):
        rate = format(trimmed(row.rate), "f")
        yield Row(
            row.booked_on,
            row.number,
            chart.vat.get(rate, chart.vat_other),
            -row.vat,
            row.currency,
            f"VAT {rate} %",
        )
    for row in connection.execute(_PAYMENTS, values):
        yield Row(row.booked_on, f"P{row.id}", chart.bank, row.amount, row.currency, "bank")
        yield Row(row.booked_on, f"P{row.id}", chart.unallocated, -row.amount, row.currency, "bank")


_EXPORTS = "SELECT id, until, rows, debit, created_at, created_by"
_BEGIN = text(
    "INSERT INTO accounting_export (id, until, rows, debit, content, created_by) OVERRIDING SYSTEM VALUE "
    "SELECT coalesce(max(id), 0) + 1, :until, 0, 0, '', :by FROM accounting_export RETURNING id"
)
_TAKE = text(
    """
    INSERT INTO accounting_exported (source, source_id, export_id)
    SELECT 'entry', e.id, :id FROM ledger_entry e WHERE e.booked_on <= :until
        AND NOT EXISTS (SELECT 1 FROM accounting_exported x WHERE x.source = 'entry' AND x.source_id = e.id)
    UNION ALL
    SELECT 'payment', p.id, :id FROM payment p WHERE p.booked_on <= :until
        AND NOT EXISTS (SELECT 1 FROM accounting_exported x WHERE x.source = 'payment' AND x.source_id = p.id)
    """
)
_FINISH = text("UPDATE accounting_export SET rows = :rows, debit = :debit, content = :content WHERE id = :id")
_ENTRIES = text(
    """
    SELECT e.id, e.booked_on, e.kind, e.amount, e.currency, e.payment_id, i.number,
           coalesce(r.kind, e.kind) AS source_kind
    FROM accounting_exported x JOIN ledger_entry e ON e.id = x.source_id
    LEFT JOIN ledger_entry r ON r.id = e.reverses_id LEFT JOIN invoice i ON i.id = e.invoice_id
    WHERE x.export_id = :id AND x.source = 'entry' ORDER BY e.id
    """
)
# A component's account is that of its price list on the first day of its line.
_SALES = text(
    """
    SELECT e.booked_on, i.number, i.currency, l.component, sum(l.net) AS net, p.ledger_account
    FROM accounting_exported x JOIN ledger_entry e ON e.id = x.source_id AND e.kind IN ('invoice', 'credit_note')
    JOIN invoice i ON i.id = e.invoice_id JOIN invoice_line l ON l.invoice_id = i.id
    LEFT JOIN billing_run b ON b.id = i.run_id
    LEFT JOIN LATERAL (
        SELECT v.ledger_account FROM tariff_version v
        WHERE v.component = l.component AND (b.id IS NULL OR v.tariff_id = b.tariff_id)
            AND v.ledger_account IS NOT NULL
        ORDER BY v.valid @> coalesce(lower(l.period), i.issued_on) DESC, v.id DESC LIMIT 1
    ) p ON true
    WHERE x.export_id = :id AND x.source = 'entry'
    GROUP BY e.booked_on, i.number, i.currency, l.component, p.ledger_account
    """
)
_VAT = text(
    """
    SELECT e.booked_on, i.number, i.currency, v.rate, sum(v.vat) AS vat
    FROM accounting_exported x JOIN ledger_entry e ON e.id = x.source_id AND e.kind IN ('invoice', 'credit_note')
    JOIN invoice i ON i.id = e.invoice_id JOIN invoice_vat v ON v.invoice_id = i.id
    WHERE x.export_id = :id AND x.source = 'entry' GROUP BY e.booked_on, i.number, i.currency, v.rate
    """
)
_PAYMENTS = text(
    """
    SELECT p.id, p.booked_on, p.amount, p.currency FROM accounting_exported x JOIN payment p ON p.id = x.source_id
    WHERE x.export_id = :id AND x.source = 'payment' ORDER BY p.id
    """
)
