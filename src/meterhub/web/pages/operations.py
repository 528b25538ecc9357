"""Operations: what the doctor finds, and what background work there is."""

from typing import Annotated

from fastapi import Request, Response

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.health.doctor import examine, worst
from meterhub.jobs.routes import count_jobs
from meterhub.web.page_route import page_router
from meterhub.web.render import render
from meterhub.web.security import page

router = page_router()


@router.get("/operations")
def show(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_HEALTH)],
) -> Response:
    """Examine the installation now, and show what waits, runs and failed."""
    found = list(examine(engine, settings, clock(), request.app.state.newest_schema()))
    with engine.connect() as connection:
        jobs = count_jobs(connection)
    tasks = sorted({*jobs.waiting, *jobs.running, *jobs.failed})
    values = {"found": found, "worst": worst(found), "jobs": jobs, "tasks": tasks}
    return render(request, "operations.html", values, principal=principal)
