"""Queries on billing runs: their heads, sums, holds and adjustments."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from meterhub.billing.credits.repository import wholly_credited
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange

SHOWN_HOLDS = 1000

_RUN = (
    "SELECT r.id, r.kind, r.billing_group, lower(r.period) AS period_start, upper(r.period) AS period_end, "
    "r.tariff_id, t.code AS tariff, t.country, t.currency, r.state, r.issued_on, r.due_on, r.parameters, "
    "r.created_at, r.created_by, r.approved_at, r.approved_by, r.finished_at, r.accounts_total, r.accounts_done "
    "FROM billing_run r JOIN tariff t ON t.id = r.tariff_id "
)


def overlapping_run(connection: Connection, billing_group: str, kind: str, period: DateRange) -> AnyRow | None:
    """Return a run of the group and kind that shares a day with the period, or None."""
    query = text(
        "SELECT id, lower(period) AS period_start, upper(period) AS period_end FROM billing_run "
        "WHERE billing_group = :billing_group AND kind = :kind AND state <> 'cancelled' "
        "AND period && daterange(:start, :end) ORDER BY id LIMIT 1"
    )
    values = {"billing_group": billing_group, "kind": kind, "start": period.start, "end": period.end}
    return connection.execute(query, values).one_or_none()


def add_run(connection: Connection, values: Mapping[str, object]) -> int | None:
    """Store a run; None if another with a shared day came first."""
    query = text(
        "INSERT INTO billing_run (kind, billing_group, contract_ids, period, tariff_id, issued_on, due_on, "
        "parameters, created_by) VALUES (:kind, :billing_group, CAST(:contract_ids AS int[]), "
        "daterange(:start, :end), :tariff_id, :issued_on, :due_on, CAST(:parameters AS jsonb), :created_by) "
        "ON CONFLICT DO NOTHING RETURNING id"
    )
    result: int | None = connection.execute(query, dict(values)).scalar_one_or_none()
    return result


def run_by_id(connection: Connection, run_id: int, *, lock: bool = False) -> AnyRow | None:
    """Return a run, or None; with `lock`, nobody else starts, approves or resumes it meanwhile."""
    query = text(_RUN + "WHERE r.id = :id" + (" FOR NO KEY UPDATE OF r" if lock else ""))
    return connection.execute(query, {"id": run_id}).one_or_none()


def run_before(connection: Connection, run: AnyRow) -> AnyRow | None:
    """Return the run of the same group and kind that came before."""
    query = text(
        _RUN + "WHERE r.billing_group = :group AND r.kind = :kind AND r.state <> 'cancelled' "
        "AND upper(r.period) <= :start ORDER BY upper(r.period) DESC, r.id DESC LIMIT 1"
    )
    values = {"group": run.billing_group, "kind": run.kind, "start": run.period_start}
    return connection.execute(query, values).one_or_none()


def list_runs(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return runs, newest first."""
    query = text(_RUN + "WHERE (CAST(:before AS int) IS NULL OR r.id < :before) ORDER BY r.id DESC LIMIT :limit")
    return connection.execute(query, {"before": before_id, "limit": limit}).all()


def set_state(connection: Connection, run_id: int, state: str) -> None:
    """Give a run a state."""
    query = text("UPDATE billing_run SET state = :state WHERE id = :id")
    connection.execute(query, {"id": run_id, "state": state})


def approve(connection: Connection, run_id: int, by: str) -> None:
    """Note who has approved a run."""
    connection.execute(
        text("UPDATE billing_run SET state = 'approved', approved_at = now(), approved_by = :by WHERE id = :id"),
        {"id": run_id, "by": by},
    )


_SKIP_HOLDS = (
    "UPDATE billing_hold SET resolved_at = now(), resolution = 'skipped', resolved_by = :by "
    "WHERE run_id = :id AND resolved_at IS NULL"
)


def cancel(connection: Connection, run_id: int, by: str) -> None:
    """Drop what a run has calculated and free what it had reserved."""
    values = {"id": run_id, "by": by}
    # Contracts first: a worker that still has some of them is waited for, and then what it stored is dropped.
    for statement in (
        "UPDATE billing_run_contract SET state = 'skipped' WHERE run_id = :id AND state <> 'issued'",
        "DELETE FROM billing_draft WHERE run_id = :id",
        "UPDATE billing_adjustment SET run_id = NULL WHERE run_id = :id",
        _SKIP_HOLDS,
        "UPDATE billing_run SET state = 'cancelled', cancelled_at = now(), cancelled_by = :by WHERE id = :id",
    ):
        connection.execute(text(statement), values)


def contract_ids(connection: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """Return the ids of contracts by number."""
    query = text("SELECT contract_no, id FROM contract WHERE contract_no = ANY(:numbers)")
    return {row.contract_no: row.id for row in connection.execute(query, {"numbers": list(numbers)})}


def holds(connection: Connection, run_id: int, *, limit: int = SHOWN_HOLDS) -> Sequence[AnyRow]:
    """Return what a run holds back and why."""
    query = text(
        "SELECT h.id, c.contract_no, h.code, h.message, h.releasable, h.held_at FROM billing_hold h "
        "JOIN contract c ON c.id = h.contract_id "
        "WHERE h.run_id = :run_id AND h.resolved_at IS NULL ORDER BY c.contract_no, h.code LIMIT :limit"
    )
    return connection.execute(query, {"run_id": run_id, "limit": limit}).all()


def open_holds(connection: Connection, run_id: int, contract_no: str) -> Sequence[AnyRow]:
    """Return the open holds of a contract, locked."""
    query = text(
        "SELECT h.id, h.contract_id, h.code, h.releasable FROM billing_hold h "
        "JOIN contract c ON c.id = h.contract_id "
        "WHERE h.run_id = :run_id AND c.contract_no = :contract_no AND h.resolved_at IS NULL "
        "ORDER BY h.id FOR UPDATE OF h"
    )
    return connection.execute(query, {"run_id": run_id, "contract_no": contract_no}).all()


def resolve(connection: Connection, run_id: int, contract_id: int, resolution: str, by: str, reason: str) -> None:
    """Close the open holds of a contract: released ones are billed as calculated, skipped ones not at all."""
    values = {"run_id": run_id, "contract_id": contract_id, "resolution": resolution, "by": by, "reason": reason}
    connection.execute(
        text(
            "UPDATE billing_hold SET resolved_at = now(), resolution = :resolution, resolved_by = :by, "
            "reason = :reason WHERE run_id = :run_id AND contract_id = :contract_id AND resolved_at IS NULL"
        ),
        values,
    )
    connection.execute(
        text(
            "UPDATE billing_run_contract SET state = "
            "CASE WHEN :resolution = 'released' THEN 'ready' ELSE 'skipped' END "
            "WHERE run_id = :run_id AND contract_id = :contract_id"
        ),
        values,
    )


def retry_held(connection: Connection, run_id: int) -> None:
    """Let a run take the contracts that it holds back once more; it then needs a new approval."""
    connection.execute(
        text(
            "WITH again AS (UPDATE billing_run_contract SET state = 'todo' "
            "WHERE run_id = :id AND state = 'held' RETURNING 1) "
            "UPDATE billing_run SET state = 'queued', finished_at = NULL, approved_at = NULL, approved_by = NULL, "
            "accounts_done = accounts_total - (SELECT count(*) FROM again) - (SELECT count(*) "
            "FROM billing_run_contract WHERE run_id = :id AND state = 'todo') WHERE id = :id"
        ),
        {"id": run_id},
    )
    connection.execute(
        text(
            "UPDATE billing_hold SET resolved_at = now(), resolution = 'retried' "
            "WHERE run_id = :id AND resolved_at IS NULL"
        ),
        {"id": run_id},
    )


def accounts_by_state(connection: Connection, run_id: int) -> dict[str, int]:
    """Return how many contracts of a run are in each state."""
    query = text("SELECT state, count(*) AS n FROM billing_run_contract WHERE run_id = :id GROUP BY state")
    return {row.state: row.n for row in connection.execute(query, {"id": run_id})}


# What is not held of the drafts, and what is issued of a run already.
_DOCUMENTS = """
    WITH document AS (
        SELECT type, net, vat, gross FROM invoice WHERE run_id = :run_id
        UNION ALL
        SELECT d.type, d.net, d.vat, d.gross FROM billing_draft d
        JOIN billing_run_contract rc USING (run_id, contract_id)
        WHERE d.run_id = :run_id AND rc.state = 'ready'
    )
"""
_LINES = """
    WITH line AS (
        SELECT l.component, l.unit, l.quantity, l.net, l.trace FROM invoice i
        JOIN invoice_line l ON l.invoice_id = i.id WHERE i.run_id = :run_id
        UNION ALL
        SELECT l.component, l.unit, l.quantity, l.net, l.trace FROM billing_draft d
        JOIN billing_run_contract rc USING (run_id, contract_id)
        CROSS JOIN LATERAL json_to_recordset(d.lines) AS l
            (component text, unit text, quantity numeric, net numeric, trace jsonb)
        WHERE d.run_id = :run_id AND rc.state = 'ready'
    )
"""
_GROUPS = """
    WITH vat_group AS (
        SELECT v.category, v.rate, v.base, v.vat FROM invoice i
        JOIN invoice_vat v ON v.invoice_id = i.id WHERE i.run_id = :run_id
        UNION ALL
        SELECT g.category, g.rate, g.base, g.vat FROM billing_draft d
        JOIN billing_run_contract rc USING (run_id, contract_id)
        CROSS JOIN LATERAL json_to_recordset(d.groups) AS g
            (category text, rate numeric, base numeric, vat numeric)
        WHERE d.run_id = :run_id AND rc.state = 'ready'
    )
"""


def run_amounts(connection: Connection, run_id: int) -> AnyRow:
    """Return the count and sums of a run's documents."""
    query = text(
        _DOCUMENTS + "SELECT count(*) FILTER (WHERE type = 'invoice') AS invoices, "
        "count(*) FILTER (WHERE type = 'credit_note') AS credit_notes, "
        "coalesce(sum(net), 0.00) AS net, coalesce(sum(vat), 0.00) AS vat, coalesce(sum(gross), 0.00) AS gross "
        "FROM document"
    )
    return connection.execute(query, {"run_id": run_id}).one()


def component_sums(connection: Connection, run_id: int) -> Sequence[AnyRow]:
    """Return quantity and net of each component of a run."""
    query = text(
        _LINES + "SELECT component, unit, count(*) AS lines, sum(quantity) AS quantity, sum(net) AS net "
        "FROM line GROUP BY component, unit ORDER BY component, unit"
    )
    return connection.execute(query, {"run_id": run_id}).all()


def vat_sums(connection: Connection, run_id: int) -> Sequence[AnyRow]:
    """Return base and VAT of each rate of a run."""
    query = text(
        _GROUPS + "SELECT category, rate, sum(base) AS base, sum(vat) AS vat "
        "FROM vat_group GROUP BY category, rate ORDER BY category, rate"
    )
    return connection.execute(query, {"run_id": run_id}).all()


def ledger_sums(connection: Connection, run_id: int) -> Sequence[AnyRow]:
    """Return the net of each ledger account of a run, by the accounts that its price list gives components."""
    query = text(
        _LINES + ", account AS (SELECT DISTINCT ON (v.component) v.component, v.ledger_account "  # noqa: S608 - constants
        "FROM tariff_version v JOIN billing_run r ON r.tariff_id = v.tariff_id WHERE r.id = :run_id "
        "ORDER BY v.component, lower(v.valid) DESC) "
        "SELECT a.ledger_account, sum(line.net) AS net FROM line "
        "LEFT JOIN account a ON a.component = regexp_replace(line.component, '_LEAK_CREDIT$', '') "
        "GROUP BY a.ledger_account ORDER BY a.ledger_account"
    )
    return connection.execute(query, {"run_id": run_id}).all()


# Days of contracts, up to a day, that no consumption document in force covers.
_GAPS = text(
    f"""
    SELECT c.contract_no, u.customer_no, lower(gap) AS starts, upper(gap) AS ends
    FROM contract c JOIN customer u ON u.id = c.customer_id
    CROSS JOIN LATERAL unnest(
        datemultirange(c.valid * daterange(:since, :until)) - coalesce((
            SELECT range_agg(i.period) FROM invoice i
            LEFT JOIN billing_run r ON r.id = i.run_id
            WHERE i.contract_id = c.id AND i.kind = 'consumption' AND i.period IS NOT NULL
              AND i.credits_id IS NULL AND r.kind IS DISTINCT FROM 'settlement'
              AND NOT {wholly_credited()}
        ), '{{}}')) AS gap
    WHERE c.contract_no > :after AND c.valid && daterange(:since, :until)
    ORDER BY c.contract_no, gap LIMIT :limit
    """  # noqa: S608 - the condition is that of credits
)


def gaps(connection: Connection, days: DateRange, *, after: str = "", limit: int = 1000) -> Sequence[AnyRow]:
    """Return days of contracts that nobody was billed for, by contract."""
    values = {"since": days.start, "until": days.end, "after": after, "limit": limit}
    return connection.execute(_GAPS, values).all()


_ADJUSTMENT = (
    "SELECT a.id, c.contract_no, a.kind, a.parameters, a.reason, a.run_id, a.created_at, a.created_by, "
    "a.cancelled_at FROM billing_adjustment a JOIN contract c ON c.id = a.contract_id "
)


def adjustments(connection: Connection, contract_id: int) -> Sequence[AnyRow]:
    """Return what clerks added to a contract's bills, newest first."""
    query = text(_ADJUSTMENT + "WHERE a.contract_id = :id ORDER BY a.id DESC")
    return connection.execute(query, {"id": contract_id}).all()


def adjustment(connection: Connection, adjustment_id: int, *, lock: bool = False) -> AnyRow | None:
    """Return one adjustment, or None."""
    query = text(_ADJUSTMENT + "WHERE a.id = :id" + (" FOR UPDATE OF a" if lock else ""))
    return connection.execute(query, {"id": adjustment_id}).one_or_none()


def add_adjustment(connection: Connection, values: Mapping[str, object]) -> int:
    """Keep an adjustment for a contract's next bill."""
    query = text(
        "INSERT INTO billing_adjustment (contract_id, kind, parameters, reason, created_by) "
        "VALUES (:contract_id, :kind, CAST(:parameters AS jsonb), :reason, :created_by) RETURNING id"
    )
    return int(connection.execute(query, dict(values)).scalar_one())


def cancel_adjustment(connection: Connection, adjustment_id: int, by: str) -> None:
    """Take an adjustment back that no run has taken up."""
    query = text("UPDATE billing_adjustment SET cancelled_at = now(), cancelled_by = :by WHERE id = :id")
    connection.execute(query, {"id": adjustment_id, "by": by})
