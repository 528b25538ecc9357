"""Reads as they come in: the newest when the page is opened, then those that follow, by a small script."""

from typing import Annotated

from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from meterhub.access.dependencies import ClockDep, EngineDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.ingest.live.queries import newest_reads
from meterhub.ingest.live.routes import Watch, record_watch, stream
from meterhub.web.page_route import page_router
from meterhub.web.render import render
from meterhub.web.security import PAGE_HEADERS, page

router = page_router()

SHOWN = 50
# The one page with a script: this hub's own file, which may ask this hub and nobody else.
_POLICY = PAGE_HEADERS["Content-Security-Policy"] + "; script-src 'self'; connect-src 'self'"


@router.get("/live")
def show(
    request: Request,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_CONSUMPTION)],
    watch: Annotated[Watch, Query()],
) -> Response:
    """Show the newest reads; without a script the page shows them as of now. Each look is logged."""
    record_watch(engine, principal, watch)
    with engine.connect() as connection:
        reads = [read for read in newest_reads(connection, clock()) if watch.filter(read)][:SHOWN]
    values = {"reads": reads, "watch": watch, "shown": SHOWN, "query": watch.query}
    response = render(request, "live.html", values, principal=principal)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@router.get("/live/reads")
async def follow(
    request: Request,
    engine: EngineDep,
    clock: ClockDep,
    watch: Annotated[Watch, Query()],
    principal: Annotated[Principal, page(Permission.READ_CONSUMPTION)],
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$")] = None,
) -> StreamingResponse:
    """Stream what follows, to the session of the page."""
    return await stream(request, engine, clock, principal, watch, last_event_id)
