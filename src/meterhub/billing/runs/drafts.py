"""Drafts: documents as calculated, kept until they are issued all at once, set by set."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from meterhub.billing.issuing import groups_text, issue_stored, lines_text
from meterhub.billing.rating.model import DocumentType
from meterhub.billing.rating.serialise import plain
from meterhub.billing.runs.accounts import Bill, Held
from meterhub.billing.runs.neighbours import Conflicting, conflicts
from meterhub.errors import Conflict
from meterhub.kit.arrays import integers
from meterhub.kit.db import driver_connection


def store(connection: Connection, run_id: int, bills: Sequence[Bill]) -> None:
    """Keep calculated documents, and reserve the adjustments that they take up."""
    if not bills:
        return
    with driver_connection(connection).cursor() as cursor, cursor.copy(_STORE) as copy:
        copy.write("".join([_row(run_id, bill) for bill in bills]))
    taken = [one for bill in bills for one in bill.adjustment_ids]
    if taken and connection.execute(_RESERVE, {"run_id": run_id, "ids": taken}).rowcount != len(set(taken)):
        # Nothing of this transaction is kept; the run goes on with these contracts when it is tried again.
        raise Conflict("an addition to a bill was cancelled while the bill was calculated: resume the run")


def drop(connection: Connection, run_id: int, contract_ids: Sequence[int]) -> None:
    """Forget the drafts of contracts, and what they had reserved."""
    values = {"run_id": run_id, "ids": integers(contract_ids)}
    connection.execute(_DROP, values)
    connection.execute(_UNRESERVE, values)


def hold(connection: Connection, run_id: int, held: Sequence[Held]) -> None:
    """Note why contracts wait; what a clerk has released or skipped before stays so."""
    if held:
        columns = {
            "contracts": [one.contract_id for one in held],
            "codes": [one.code for one in held],
            "messages": [one.message for one in held],
            "releasable": [one.releasable for one in held],
        }
        connection.execute(_HOLD, {"run_id": run_id, **columns})


def issue_chunk(
    connection: Connection, run_id: int, country: str, contract_ids: Sequence[int], *, preview: bool = False
) -> list[int]:
    """Issue the drafts of contracts, whose points are locked; return the ids of the documents.

    A contract that another run has billed meanwhile is held instead.
    """
    clashes = _returned_meanwhile(connection, run_id, contract_ids) | conflicts(connection, run_id, contract_ids)
    hold(connection, run_id, [Held(key, one.code, one.message) for key, one in clashes.items()])
    good = [one for one in contract_ids if one not in clashes]
    drop(connection, run_id, list(clashes))
    drafts = connection.execute(_DRAFTS, {"run_id": run_id, "ids": integers(good)}).all()
    heads = [(DocumentType(draft.type), country, draft.year) for draft in drafts]
    ids = issue_stored(connection, [draft.id for draft in drafts], heads, preview=preview)
    values = {"run_id": run_id, "ids": integers(good)}
    connection.execute(_KEEP_ANNUAL_VOLUMES, values)
    connection.execute(_DROP, values)
    states = ["held" if one in clashes else "issued" for one in contract_ids]
    connection.execute(_SET, {"run_id": run_id, "ids": integers(contract_ids), "states": states})
    return ids


def _returned_meanwhile(
    connection: Connection, run_id: int, contract_ids: Sequence[int]
) -> dict[int, Conflicting]:
    """Return the contracts of which another document returned, since the calculation, what a draft returns."""
    values = {"run_id": run_id, "ids": integers(contract_ids)}
    return {
        row.contract_id: Conflicting(
            "credited_meanwhile", f"{row.number} has returned a line of {row.refers_to} since: resume the run"
        )
        for row in connection.execute(_RETURNED_MEANWHILE, values)
    }


_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _row(run_id: int, bill: Bill) -> str:
    """Return a draft as a row of COPY: tabs between values; backslashes, only in JSON, are doubled."""
    document = bill.document
    values = (
        f"{run_id}\t{bill.contract_id}\t{bill.customer_id}\t[{bill.period.start},{bill.period.end})",
        document.type.value,
        f"{document.net:f}\t{document.vat:f}\t{document.gross:f}",
        "\\N" if bill.daily_l is None else plain(bill.daily_l),
        "\\N" if bill.annual_m3 is None else plain(bill.annual_m3),
        "{" + ",".join(map(str, bill.adjustment_ids)) + "}",
        _encoded(bill.snapshot).replace("\\", "\\\\"),
        lines_text(document).replace("\\", "\\\\"),
        groups_text(document).replace("\\", "\\\\"),
    )
    return "\t".join(values) + "\n"


_STORE = (
    "COPY billing_draft (run_id, contract_id, customer_id, period, type, net, vat, gross, daily_l, annual_m3, "
    "adjustment_ids, snapshot, lines, groups) FROM STDIN"
)

_DROP = text("DELETE FROM billing_draft WHERE run_id = :run_id AND contract_id = ANY(:ids)")
_RESERVE = text("UPDATE billing_adjustment SET run_id = :run_id WHERE id = ANY(:ids) AND cancelled_at IS NULL")
_UNRESERVE = text("UPDATE billing_adjustment SET run_id = NULL WHERE run_id = :run_id AND contract_id = ANY(:ids)")

_HOLD = text(
    """
    INSERT INTO billing_hold (run_id, contract_id, code, message, releasable)
    SELECT :run_id, contract_id, code, message, releasable
    FROM unnest(CAST(:contracts AS int[]), CAST(:codes AS text[]), CAST(:messages AS text[]),
                CAST(:releasable AS boolean[])) AS new (contract_id, code, message, releasable)
    ON CONFLICT (run_id, contract_id, code) DO UPDATE
    SET message = excluded.message, releasable = excluded.releasable, held_at = now(),
        resolved_at = NULL, resolution = NULL, resolved_by = NULL, reason = NULL
    WHERE billing_hold.resolution IS DISTINCT FROM 'released'
    """
)

# A line that is returned is found at most once: by a credit note, or by a true-up that was not credited itself.
_RETURNED_MEANWHILE = text(
    """
    SELECT DISTINCT ON (d.contract_id) d.contract_id, l.refers_to, j.number
    FROM billing_draft d
    CROSS JOIN LATERAL json_to_recordset(d.lines) AS l
        (component text, point text, starts date, ends date, quantity numeric, net numeric, refers_to text)
    JOIN invoice_line r ON r.refers_to = l.refers_to AND r.component = l.component
        AND r.point IS NOT DISTINCT FROM l.point AND r.quantity = l.quantity AND r.net = l.net
        AND r.period IS NOT DISTINCT FROM CASE WHEN l.starts IS NOT NULL THEN daterange(l.starts, l.ends) END
    JOIN invoice j ON j.id = r.invoice_id
    WHERE d.run_id = :run_id AND d.contract_id = ANY(:ids) AND l.refers_to IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM credit_line cl WHERE cl.credits_id = j.id AND cl.position = r.position)
    ORDER BY d.contract_id, j.id
    """
)

_DRAFTS = text(
    """
    SELECT d.id, d.type, extract(year FROM r.issued_on)::int AS year
    FROM billing_draft d JOIN billing_run r ON r.id = d.run_id
    WHERE d.run_id = :run_id AND d.contract_id = ANY(:ids) ORDER BY d.contract_id, d.id
    """
)

_KEEP_ANNUAL_VOLUMES = text(
    """
    INSERT INTO annual_volume (contract_id, valid_from, annual_m3, source, created_by)
    SELECT contract_id, upper(period), annual_m3, 'read', 'billing' FROM billing_draft
    WHERE run_id = :run_id AND contract_id = ANY(:ids) AND annual_m3 IS NOT NULL ORDER BY id
    """
)

_SET = text(
    """
    UPDATE billing_run_contract rc SET state = new.state
    FROM unnest(CAST(:ids AS int[]), CAST(:states AS text[])) AS new (contract_id, state)
    WHERE rc.run_id = :run_id AND rc.contract_id = new.contract_id
    """
)
