"""Telegrams of known meters are read, and quarantine does not grow."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, ok, warn
from meterhub.ingest.decoding import NEXT_STEP, Reason

DAY = timedelta(days=1)
FEW = 50
# Foreign meters and damaged frames are normal on the air.
NORMAL = frozenset({Reason.UNKNOWN_METER, Reason.DAMAGED})
_ENTERED = text(
    """
    SELECT reason, count(*) FILTER (WHERE entered_at >= :yesterday) AS today,
           count(*) FILTER (WHERE entered_at < :yesterday) AS before
    FROM quarantine WHERE entered_at >= :two_days_ago AND resolved_at IS NULL GROUP BY 1 ORDER BY 1
    """
)


def check(patient: Patient) -> Iterator[Finding]:
    """Compare what entered in the last day with the day before."""
    values = {"yesterday": patient.now - DAY, "two_days_ago": patient.now - 2 * DAY}
    grown = False
    for row in patient.connection.execute(_ENTERED, values):
        reason = Reason(row.reason)
        if reason not in NORMAL and row.today > FEW and row.today > 2 * row.before:
            grown = True
            yield warn(
                f"{row.today} frames entered quarantine in a day as {reason}, {row.before} the day before",
                NEXT_STEP[reason],
            )
    if not grown:
        yield ok("quarantine does not grow out of the ordinary")
