"""REST for gateways (telegrams in) and for operations (gateways, read success, quarantine)."""

import re
from asyncio import Semaphore
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.errors import TooLarge
from meterhub.ingest import gateway_clock, key_routes, views
from meterhub.ingest.batch import inflate, parse
from meterhub.ingest.gateway_clock import clock_shown, put_right
from meterhub.ingest.live import routes as live_routes
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.repository import load_formats
from meterhub.ingest.schemas import (
    Batch,
    BatchResult,
    GatewayStatus,
    QuarantineCount,
    QuarantinedFrame,
    ReadSuccess,
    Retry,
    RetryQueued,
)
from meterhub.ingest.service import RETRY_TASK, Memory, Sender, accept_batch
from meterhub.kit.measuring import BATCH_SECONDS
from meterhub.kit.paging import IdPage, Page, page_of
from meterhub.kit.queue import defer
from meterhub.wmbus import FormatStore

router = APIRouter(prefix="/api/v1", tags=["ingest"])
router.include_router(key_routes.router)
router.include_router(live_routes.router)

_ABOUT_ITSELF = re.compile(
    r"version=(?P<version>[\w.+-]{1,40})|spool=(?P<spool>\d{1,15})|replay=(?P<replay>yes)|now=(?P<now>[\dTZ:.+-]{1,40})"
)
# While one waits for the database the next is decoded; more would only hold memory.
BATCHES_AT_ONCE = 3
_BODY = {
    "requestBody": {
        "required": True,
        "description": "May be sent gzip-compressed (Content-Encoding: gzip).",
        "content": {"application/json": {"schema": Batch.model_json_schema(ref_template="#/$defs/{model}")}},
    }
}


@router.post("/telegrams", openapi_extra=_BODY)
async def send_telegrams(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.SEND_TELEGRAMS)],
) -> BatchResult:
    """Take a batch of up to 10,000 telegrams; the answer comes after they are committed.

    Sending a batch again changes nothing. A telegram that cannot be read yet is kept in quarantine and
    read when its key, meter or format arrives; `rejected` names those that cannot even be kept.
    """
    taken_at = clock()
    body = await _body(request, settings.max_body_mb * 2**20)

    @BATCH_SECONDS.time()
    def store() -> BatchResult:
        now = clock()
        sender = _sender(request, principal, engine, taken_at)
        plain = inflate(body, request.headers.get("content-encoding", ""), settings.max_body_mb * 2**20)
        heard, rejected = parse(
            plain,
            gateway=principal.name.removeprefix("gateway:"),
            max_telegrams=settings.max_batch,
            now=now + sender.clock_ahead,
        )
        if sender.clock_ahead:
            heard = put_right(heard, sender.clock_ahead)
        return accept_batch(engine, settings, _memory(request, engine), sender, heard, rejected, now=now)

    async with _batches_at_once(request):
        return await run_in_threadpool(store)


async def _body(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body is over {limit // 2**20} MB: send fewer telegrams at once")
        chunks.append(chunk)
    return b"".join(chunks)


def _sender(request: Request, principal: Principal, engine: EngineDep, taken_at: datetime) -> Sender:
    assert principal.gateway_id is not None
    about: dict[str, str] = {}
    for found in _ABOUT_ITSELF.finditer(request.headers.get("x-meterhub-gateway", "")):
        about |= {name: value for name, value in found.groupdict().items() if value}
    shown = clock_shown(about.get("now"))
    by = gateway_clock.ahead(shown, taken_at, None)
    if by:
        with engine.connect() as connection:
            by = gateway_clock.ahead(shown, taken_at, gateway_clock.measured(connection, principal.gateway_id))
    return Sender(
        principal.gateway_id,
        software=about.get("version"),
        spool_depth=int(about["spool"]) if "spool" in about else None,
        replay="replay" in about,
        clock_ahead=by,
    )


def _batches_at_once(request: Request) -> Semaphore:
    """Return what keeps batches from filling memory, and from taking all threads and connections."""
    state = request.app.state
    if not hasattr(state, "ingest_turns"):
        state.ingest_turns = Semaphore(BATCHES_AT_ONCE)
    turns: Semaphore = state.ingest_turns
    return turns


def _memory(request: Request, engine: EngineDep) -> Memory:
    """Return what this process remembers between batches, made when first needed."""
    state = request.app.state
    if not hasattr(state, "ingest_memory"):
        with engine.connect() as connection:
            stored = load_formats(connection)
        state.ingest_memory = Memory(FormatStore(stored), RegistryCache(), set(stored))
    memory: Memory = state.ingest_memory
    return memory


@router.get("/gateways")
def list_gateways(
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.READ_GATEWAYS)],
    since: date | None = None,
) -> list[GatewayStatus]:
    """List gateways: when they spoke last and what they delivered since a day (UTC), by default today."""
    with engine.connect() as connection:
        return views.gateways(connection, since or clock().date())


@router.get("/read-success")
def read_success(
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.READ_GATEWAYS)],
    until: AwareDatetime | None = None,
    hours: Annotated[int, Query(ge=1, le=24 * 31)] = 24,
) -> ReadSuccess:
    """Say how many installed meters were read in the last hours, and which points were silent."""
    end = until or clock()
    with engine.connect() as connection:
        return views.read_success(connection, end - timedelta(hours=hours), end)


@router.get("/quarantine/reasons")
def quarantine_reasons(
    engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_QUARANTINE)]
) -> list[QuarantineCount]:
    """Count the frames that wait, by reason, with what to do about each."""
    with engine.connect() as connection:
        return views.quarantine_counts(connection)


@router.get("/quarantine")
def list_quarantine(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_QUARANTINE)],
    reason: str | None = None,
) -> Page[QuarantinedFrame]:
    """List frames that could not be read yet, newest first."""
    with engine.connect() as connection:
        rows = views.quarantined(
            connection,
            reason=reason,
            before_id=page.after,
            limit=page.limit + 1,
        )
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=list(shown), next_cursor=cursor)


@router.post("/quarantine/retry", status_code=202)
def retry_quarantine(
    body: Retry, engine: EngineDep, principal: Annotated[Principal, require(Permission.RETRY_QUARANTINE)]
) -> RetryQueued:
    """Have held frames tried again in the background."""
    with engine.begin() as connection:
        defer(connection, RETRY_TASK, {"reason": body.reason}, once=f"{RETRY_TASK}:{body.reason}")
    return RetryQueued()
