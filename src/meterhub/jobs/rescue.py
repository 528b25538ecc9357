"""Jobs whose worker died go back to the queue."""

from datetime import timedelta

import structlog
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

log = structlog.get_logger(__name__)


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
