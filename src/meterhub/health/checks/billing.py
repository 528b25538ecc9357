"""What must always hold for money: numbers without gaps, sums that agree, everything issued is in the ledger."""

from collections.abc import Iterator, Sequence

from sqlalchemy import text

from meterhub.billing import audit
from meterhub.health.checks import Finding, Patient, fail, ok, warn

TODO = "Stop billing and look at what is named: meterhub explain invoice follows a document to its reads."
# what must hold, and a query of what does not, named
INVARIANTS = (
    (
        "the lines of each document sum to its net amount",
        """
        SELECT i.number FROM invoice i LEFT JOIN invoice_line l ON l.invoice_id = i.id
        GROUP BY i.id HAVING coalesce(sum(l.net), 0) <> i.net
        """,
    ),
    (
        "every issued document is in the ledger with its amount",
        """
        SELECT i.number FROM invoice i LEFT JOIN ledger_entry e
            ON e.invoice_id = i.id AND e.kind IN ('invoice', 'credit_note')
        WHERE i.gross <> 0 AND e.amount IS DISTINCT FROM i.gross
        """,
    ),
    (
        "no document covers more, and none is covered by more, than it is about",
        """
        SELECT 'entry ' || e.id FROM ledger_entry e
        JOIN (SELECT debit_entry_id AS id, sum(amount) AS used FROM allocation GROUP BY 1
              UNION ALL SELECT credit_entry_id, sum(amount) FROM allocation GROUP BY 1) a USING (id)
        WHERE a.used > abs(e.amount) OR a.used < 0
        """,
    ),
)
AUDIT = "Stop billing and run meterhub bill audit, which looks at every document."
WHOLE = (
    ("numbers of documents have no gaps", audit.check_numbers),
    ("no day of a contract is billed twice", audit.check_periods),
    ("documents agree with snapshot, run and ledger", audit.check_heads),
)
_FAILED_RUNS = text("SELECT id FROM billing_run WHERE state = 'failed' ORDER BY id DESC LIMIT 5")
SHOWN = 3
# of which each is rated again: a second's work
SAMPLE = 50


def check(patient: Patient) -> Iterator[Finding]:
    """Look for documents and entries of which what must hold does not."""
    for name, query in INVARIANTS:
        some = text(f"SELECT * FROM ({query}) AS wrong LIMIT {SHOWN + 1}")  # noqa: S608 - our own queries
        found = patient.connection.execute(some).scalars().all()
        if found:
            more = " and others" if len(found) > SHOWN else ""
            yield fail(f"not so: {name}: {', '.join(map(str, found[:SHOWN]))}{more}", TODO)
        else:
            yield ok(name)
    for name, look in WHOLE:
        yield _judged(name, look(patient.connection))
    newest = audit.check_newest(patient.connection, SAMPLE)
    yield _judged(f"the {newest.documents} documents issued last compute to themselves again", newest.faults)
    failed = patient.connection.execute(_FAILED_RUNS).scalars().all()
    if failed:
        yield warn(
            f"billing runs have failed: {', '.join(map(str, failed))}",
            "Mend the reason that they name, and resume.",
        )


def _judged(name: str, faults: Sequence[audit.Fault]) -> Finding:
    if not faults:
        return ok(name)
    more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    shown = "; ".join(f"{one.subject} {one.message}" for one in faults[:SHOWN])
    return fail(f"not so: {name}: {shown}{more}", AUDIT)
