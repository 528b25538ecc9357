"""What was lost with a worker or a database goes back to the queue."""

from datetime import timedelta

import structlog
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from sqlalchemy import Engine, text

from meterhub.billing.runs.life import RUN
from meterhub.ingest.service import RETRY_TASK
from meterhub.kit.queue import defer

log = structlog.get_logger(__name__)


# A run that says that it is under way, but that no job carries out: its worker lost the database for too long.
_LOST_RUNS = text(
    """
    SELECT r.id FROM billing_run r WHERE r.state IN ('queued', 'running', 'issuing') AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs j WHERE j.task_name = :task AND j.status IN ('todo', 'doing')
            AND (j.args ->> 'run_id')::integer = r.id
    )
    """
)
# A process of ingest that has not looked for half a day forgets everything anyway.
_OLD_CHANGES = text("DELETE FROM registry_change WHERE at < now() - interval '1 day'")


# Retries that gave up: what they were to try still waits. Each starts anew, once for all that are alike.
_GIVEN_UP = text(
    "DELETE FROM procrastinate_jobs WHERE task_name = :task AND status = 'failed' RETURNING args, queueing_lock"
)
# What has ended is of interest to those who look for a fault, for a while.
_OLD_JOBS = text(
    """
    DELETE FROM procrastinate_jobs j
    WHERE j.status IN ('succeeded', 'failed', 'cancelled', 'aborted') AND NOT EXISTS (
        SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > now() - interval '30 days'
    )
    """
)


def tidy(engine: Engine) -> None:
    """Queue again what was given up and still has to be done, and drop what nobody needs."""
    with engine.begin() as connection:
        for run_id in connection.execute(_LOST_RUNS, {"task": RUN}).scalars().all():
            defer(connection, RUN, {"run_id": run_id}, once=f"{RUN}:{run_id}")
            log.warning("billing-run-rescued", run_id=run_id)
        for row in connection.execute(_GIVEN_UP, {"task": RETRY_TASK}).all():
            defer(connection, RETRY_TASK, row.args, once=row.queueing_lock or f"{RETRY_TASK}:rescued")
            log.warning("quarantine-retry-rescued", args=row.args)
        connection.execute(_OLD_CHANGES)
        connection.execute(_OLD_JOBS)


async def rescue_stalled(manager: JobManager, silent_for: timedelta) -> int:
    """Queue jobs again whose worker has been silent; return how many."""
    rescued = 0
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=silent_for.total_seconds()):
        try:
            await manager.retry_job(job)
            rescued += 1
        except UniqueViolation:  # the same work already waits: this copy is not needed
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)
        log.warning("job-rescued", task=job.task_name, job_id=job.id)
    return rescued
