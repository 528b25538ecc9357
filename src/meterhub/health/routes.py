"""Metrics for Prometheus, and the doctor's findings for people."""

from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security.http import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, bearer, bearer_principal, check, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.health.checks import Level
from meterhub.health.doctor import Examined, examine, worst
from meterhub.health.exposition import Exposition

router = APIRouter(tags=["operations"])


def _may_read(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> None:
    """Let the monitoring's own token through, and people who may."""
    own = settings.monitoring_token()
    if own and credentials and compare_digest(credentials.credentials.encode(), own.encode()):
        return
    check(engine, bearer_principal(engine, credentials), Permission.READ_METRICS, request.url.path)


@router.get(
    "/metrics",
    dependencies=[Depends(_may_read)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(request: Request, engine: EngineDep, settings: SettingsDep, clock: ClockDep) -> Response:
    """Tell all metrics in Prometheus' text format; see docs/metrics.md.

    The bearer token is that of METERHUB_METRICS_TOKEN_FILE, or of a person who holds the permission.
    """
    state = request.app.state
    if not hasattr(state, "exposition"):
        state.exposition = Exposition(engine, settings, clock)
    exposition: Exposition = state.exposition
    return Response(exposition.text(), media_type=CONTENT_TYPE_LATEST)


class FindingOut(BaseModel):
    """What a check found."""

    subject: str
    level: Level
    said: str
    todo: str = Field(description="what to do next; empty if all is well")


class Health(BaseModel):
    """All findings, and the worst of their levels."""

    level: Level
    findings: list[FindingOut]


@router.get("/api/v1/doctor")
def doctor(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.READ_HEALTH)],
) -> Health:
    """Check this installation as `meterhub doctor` does, and say what to do."""
    found = list(examine(engine, settings, clock(), request.app.state.newest_schema()))
    return Health(level=worst(found), findings=[_finding(one) for one in found])


def _finding(one: Examined) -> FindingOut:
    return FindingOut(subject=one.subject, level=one.finding.level, said=one.finding.said, todo=one.finding.todo)
