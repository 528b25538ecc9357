"""The ledger and the bank files agree, and payments do not wait for long."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from meterhub.billing.payments.checks import findings
from meterhub.health.checks import Finding, Patient, fail, ok, warn

PATIENCE = timedelta(days=14)
SHOWN = 5
_WAITING = text(
    """
    SELECT count(*) FROM unmatched_payment u JOIN payment p ON p.id = u.payment_id
    WHERE u.set_aside_at IS NULL AND p.created_at < :before
    """
)


def check(patient: Patient) -> Iterator[Finding]:
    """Look for entries, allocations, files and payments that contradict each other, and for a forgotten queue."""
    wrong = findings(patient.connection)
    for one in wrong[:SHOWN]:
        yield fail(f"{one.subject} {one.message} ({one.code})", "report it with this line; change nothing by hand")
    if len(wrong) > SHOWN:
        yield fail(f"{len(wrong) - SHOWN} more contradictions in the ledger", "report them")
    if not wrong:
        yield ok("ledger, allocations and payments agree")
    waiting = patient.connection.execute(_WAITING, {"before": patient.now - PATIENCE}).scalar_one()
    if waiting:
        yield warn(
            f"{waiting} payments wait for a clerk for more than {PATIENCE.days} days",
            "match them on the page Payments",
        )
