"""REST on background work: what waits, what runs, what failed."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Connection, text

from meterhub.access.dependencies import EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal

router = APIRouter(prefix="/api/v1", tags=["jobs"])


class JobStatus(BaseModel):
    """Background work at this moment."""

    waiting: dict[str, int]
    running: dict[str, int]
    failed: dict[str, int]
    meters_due: int


@router.get("/jobs")
def job_status(engine: EngineDep, principal: Annotated[Principal, require(Permission.VIEW_OVERVIEW)]) -> JobStatus:
    """Count jobs by task, and the meters whose hours are not rolled up yet."""
    with engine.connect() as connection:
        return count_jobs(connection)


def count_jobs(connection: Connection) -> JobStatus:
    """Count jobs by task and state."""
    statement = text(
        "SELECT status::text AS status, task_name, count(*) AS jobs FROM procrastinate_jobs "
        "WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1, 2"
    )
    counts: dict[str, dict[str, int]] = {"todo": {}, "doing": {}, "failed": {}}
    for row in connection.execute(statement):
        counts[row.status][row.task_name] = row.jobs
    due = connection.execute(text("SELECT count(*) FROM rollup_due")).scalar_one()
    return JobStatus(waiting=counts["todo"], running=counts["doing"], failed=counts["failed"], meters_due=due)
