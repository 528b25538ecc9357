"""A run beside the run before it, as data and as CSV; days that nobody was billed for."""

import csv
import io
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.billing.runs import life, repository
from meterhub.billing.runs.schemas import Compared, Gap, RunReport, RunTotals
from meterhub.kit.money import ZERO
from meterhub.kit.periods import DateRange

COLUMNS = ("what", "name", "now", "before", "change")


def report(connection: Connection, run_id: int) -> RunReport:
    """Return the sums of a run by component, VAT rate and ledger account beside those of the run before."""
    run = life.find_run(connection, run_id)
    before = repository.run_before(connection, run)
    now = _sums(life.totals(connection, run_id))
    then = _sums(life.totals(connection, before.id)) if before else {}
    names = [*now, *(key for key in then if key not in now)]
    rows = [
        Compared(
            what=what,
            name=name,
            now=now.get((what, name), ZERO),
            before=then.get((what, name), ZERO),
            change=now.get((what, name), ZERO) - then.get((what, name), ZERO),
        )
        for what, name in names
    ]
    return RunReport(run_id=run_id, before_id=before.id if before else None, rows=rows)


def report_csv(given: RunReport) -> str:
    """Return a report as CSV with a head."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in given.rows:
        writer.writerow(_safe(str(getattr(row, name))) for name in COLUMNS)
    return out.getvalue()


def gaps(connection: Connection, days: DateRange, *, limit: int = 1000) -> list[Gap]:
    """Return days of contracts that no document covers."""
    return [
        Gap(
            contract_no=row.contract_no,
            customer_no=row.customer_no,
            period=(row.starts, row.ends),
            days=(row.ends - row.starts).days,
        )
        for row in repository.gaps(connection, days, limit=limit)
    ]


def _sums(totals: RunTotals) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = {
        ("documents", "invoices"): Decimal(totals.invoices),
        ("documents", "credit notes"): Decimal(totals.credit_notes),
        ("total", "net"): totals.net,
        ("total", "VAT"): totals.vat,
        ("total", "gross"): totals.gross,
    }
    for component in totals.components:
        sums["quantity", f"{component.component} [{component.unit}]"] = component.quantity
        sums["component", component.component] = sums.get(("component", component.component), ZERO) + component.net
    for rate in totals.vat_rates:
        sums["VAT base", f"{rate.category} {rate.rate} %"] = rate.base
        sums["VAT", f"{rate.category} {rate.rate} %"] = rate.vat
    for account in totals.ledger_accounts:
        sums["ledger account", account.ledger_account or "none"] = account.net
    return sums


def _safe(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula; numbers stay as they are."""
    return f"'{text}" if text[:1] in ("=", "+", "@") else text
