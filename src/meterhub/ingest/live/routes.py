"""REST: reads as they come in, as server-sent events."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.errors import Busy
from meterhub.ingest.live.feed import WATCHERS, Feed
from meterhub.ingest.live.stream import Filter, events
from meterhub.kit.clock import Clock

router = APIRouter(tags=["readings"])

LONGEST_S = 900


class Watch(BaseModel):
    """What to watch, and for how long."""

    model_config = ConfigDict(extra="forbid")
    point: str | None = Field(default=None, max_length=100)
    meter: str | None = Field(default=None, pattern=r"^[A-Z]{3}:[0-9A-Fa-f]{1,20}$", examples=["KAM:76348799"])
    gateway: str | None = Field(default=None, max_length=200)
    seconds: int = Field(
        default=LONGEST_S, ge=0, le=LONGEST_S, description="when the stream ends; clients come back by themselves"
    )

    @property
    def filter(self) -> Filter:
        """Return which reads are wanted."""
        manufacturer, _, serial = (self.meter or "").partition(":")
        return Filter(self.point, manufacturer or None, serial or None, self.gateway)

    @property
    def query(self) -> str:
        """Return what is watched as a query string."""
        return urlencode(self.model_dump(exclude_none=True, include={"point", "meter", "gateway"}))


LastEventId = Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$", description="where to go on")]


@router.get(
    "/live/reads", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}}
)
async def watch_reads(
    request: Request,
    engine: EngineDep,
    clock: ClockDep,
    watch: Annotated[Watch, Query()],
    principal: Annotated[Principal, require(Permission.READ_CONSUMPTION)],
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """Stream reads within a second or two of their arrival, of all meters or of one, a point or a gateway.

    Each event `read` is a JSON object. `slow` ends a stream that is not read fast enough; `gap` says that more
    was missed than is kept ready. Go on with `Last-Event-ID`, as browsers do by themselves.
    """
    return await stream(request, engine, clock, principal, watch, last_event_id)


async def stream(
    request: Request, engine: Engine, clock: Clock, principal: Principal, watch: Watch, last_event_id: str | None
) -> StreamingResponse:
    """Put on record who watches what, and answer with the stream."""
    feed = feed_of(request, engine, clock)
    if feed.full:
        raise Busy(f"{WATCHERS} watch already; try again later")
    await run_in_threadpool(record_watch, engine, principal, watch)
    after = None if last_event_id is None else int(last_event_id)
    return StreamingResponse(
        events(feed, engine, clock, watch.filter, after=after, seconds=watch.seconds),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def record_watch(engine: Engine, principal: Principal, watch: Watch) -> None:
    """Put on record that somebody watches reads: of a point, of a meter, or of all."""
    subject = f"point:{watch.point}" if watch.point else f"meter:{watch.meter}" if watch.meter else "points:all"
    with engine.begin() as connection:
        audit.record(connection, principal, action="watch-reads", purpose="operations", subject=subject)


def feed_of(request: Request, engine: Engine, clock: Clock) -> Feed:
    """Return this process's feed, made when first needed."""
    state = request.app.state
    if not hasattr(state, "live_feed"):
        state.live_feed = Feed(engine, clock)
    feed: Feed = state.live_feed
    return feed
