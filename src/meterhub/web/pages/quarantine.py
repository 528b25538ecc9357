"""Quarantine: telegrams that wait for something, why, and what to do."""

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import EngineDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.ingest import views
from meterhub.ingest.decoding import Reason
from meterhub.ingest.service import RETRY_TASK
from meterhub.kit.paging import page_of
from meterhub.kit.queue import defer
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 25


@router.get("/quarantine")
def show(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_QUARANTINE)],
    reason: Annotated[str, Query(max_length=40)] = "",
    before: Annotated[int | None, Query(ge=0)] = None,
    asked: bool = False,
) -> Response:
    """Show reasons with their counts, and the newest frames."""
    with engine.connect() as connection:
        counts = views.quarantine_counts(connection)
        frames = views.quarantined(connection, reason=reason or None, before_id=before, limit=ROWS + 1)
    shown, cursor = page_of(frames, ROWS, lambda frame: frame.id)
    values = {"counts": counts, "frames": shown, "cursor": cursor, "reason": reason, "asked": asked}
    return render(request, "quarantine.html", values, principal=principal)


@router.post("/quarantine/retry", dependencies=[Depends(own_form)])
def retry(
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.RETRY_QUARANTINE)],
    reason: Annotated[Reason | None, Form()] = None,
) -> Response:
    """Have the frames of a reason, or all, tried again in the background."""
    with engine.begin() as connection:
        defer(connection, RETRY_TASK, {"reason": reason}, once=f"{RETRY_TASK}:{reason}")
        audit.record(
            connection, principal, action="retry-quarantine", purpose="operations", subject=reason or "all reasons"
        )
    return see_other("/quarantine?asked=true")
