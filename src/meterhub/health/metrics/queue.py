"""Background work: what waits, runs and failed, and how long the oldest has waited."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_jobs", "Jobs by state: waiting, later (due in future), running, failed.", ("task", "state")),
    Family("meterhub_queue_oldest_seconds", "How long the oldest job that is due has waited; 0 if none is."),
)

_JOBS = text(
    """
    SELECT task_name, CASE WHEN status = 'doing' THEN 'running' WHEN status = 'failed' THEN 'failed'
                           WHEN scheduled_at > :now THEN 'later' ELSE 'waiting' END AS state, count(*) AS jobs
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1, 2 ORDER BY 1, 2
    """
)
# A job is due when it was deferred, or at the time for which it was deferred.
OLDEST_DUE = text(
    """
    SELECT min(coalesce(j.scheduled_at, e.at)) FROM procrastinate_jobs j
    JOIN LATERAL (SELECT max(at) AS at FROM procrastinate_events WHERE job_id = j.id) e ON true
    WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= :now)
    """
)


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield counts by task and state."""
    for row in connection.execute(_JOBS, {"now": now}):
        yield Sample("meterhub_jobs", row.jobs, (row.task_name, row.state))
    oldest = connection.execute(OLDEST_DUE, {"now": now}).scalar()
    age = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    yield Sample("meterhub_queue_oldest_seconds", age)
