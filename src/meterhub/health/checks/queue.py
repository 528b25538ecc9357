"""Background work is done, soon, and does not fail."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok, warn
from meterhub.health.metrics.queue import OLDEST_DUE

WARN_AFTER, FAIL_AFTER = timedelta(minutes=5), timedelta(minutes=15)
WORKER_SILENT = timedelta(minutes=2)
_WORKERS = text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - :silent")
_FAILED = text(
    "SELECT task_name, count(*) AS jobs FROM procrastinate_jobs WHERE status = 'failed' GROUP BY 1 ORDER BY 1"
)


def check(patient: Patient) -> Iterator[Finding]:
    """Look for workers, for jobs that wait long, and for those that failed."""
    workers = patient.connection.execute(_WORKERS, {"silent": WORKER_SILENT}).scalar_one()
    if workers:
        yield ok(f"{workers} worker{'s are' if workers > 1 else ' is'} running")
    else:
        yield fail("no worker is running: no hours, no alerts, no bills", "Start meterhub worker.")
    oldest = patient.connection.execute(OLDEST_DUE, {"now": patient.now}).scalar()
    age = patient.now - oldest if oldest else timedelta(0)
    said = f"the oldest job that is due has waited for {int(age.total_seconds() // 60)} minutes"
    if age > FAIL_AFTER:
        yield fail(said, "See in the workers' log what they are at; start another.")
    elif age > WARN_AFTER:
        yield warn(said, "See in the workers' log what they are at; start another if this goes on.")
    else:
        yield ok("no job waits long")
    failed = patient.connection.execute(_FAILED).all()
    for row in failed:
        yield warn(
            f"{row.jobs} jobs of {row.task_name} have failed for good",
            "The workers' log says why. What they were to do is asked for again by the schedule or by a person.",
        )
    if not failed:
        yield ok("no job has failed")
